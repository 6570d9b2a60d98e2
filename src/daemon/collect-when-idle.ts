import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { SupervisorEvent } from '../core/events.js';

/** Shorter than anybody takes to look at what a change left; longer than one change takes to follow another. */
const IDLE_MS = 3_000;

/** What leaves much behind: compiled code, rules in all their forms. */
const LEAVES_MUCH: ReadonlySet<SupervisorEvent['type']> = new Set(['daemon.ready', 'setup.completed', 'forwarding.applied']);

/**
 * Gives back what a start, a setup or changes used, once they are over. V8 collects when it needs room, and a process that
 * has nothing to do needs none: it would stay 10 MB larger than it has to be. Costs 0.1 s of CPU time each time.
 */
export function collectWhenIdle(collect: () => void = garbageCollector(), idleMs = IDLE_MS): (event: Pick<SupervisorEvent, 'type'>) => void {
  let timer: NodeJS.Timeout | undefined;
  return ({ type }) => {
    if (!LEAVES_MUCH.has(type)) return;
    clearTimeout(timer);
    timer = setTimeout(collect, idleMs);
    timer.unref();
  };
}

function garbageCollector(): () => void {
  // There is no other way to it in a process that is started without the flag.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  return () => {
    collect();
    // What the first one found unused for long enough goes with the second: compiled code, buffers.
    collect();
  };
}
