import { setFlagsFromString } from 'node:v8';

/**
 * Imported before the daemon itself is: this process is idle nearly always, and its memory is worth more than its speed.
 * V8 reads these flags whenever it is about to grow, to compile or to collect, so that they hold from here on without a
 * second process. One that it did not know would be named on standard error and passed over.
 */
const FLAGS = [
  // The young generation stays at its first size; V8 would keep 30 MB of it after a burst of changes.
  '--semi-space-growth-factor=1',
  // Less is compiled ahead and kept, and the old generation grows in smaller steps: 6 MB.
  '--optimize-for-size',
  // What ran once (a start, a setup) does not stay compiled until six collections later: 3 MB.
  '--bytecode-old-age=1',
  // The step between the interpreter and the optimizer costs 2 MB and saves nobody any time here.
  '--no-sparkplug',
  // The optimizer takes 40 MB for the HTTP parser of undici, of which 6 to 10 MB never go back to the system.
  '--liftoff-only',
];

for (const flag of FLAGS) setFlagsFromString(flag);
