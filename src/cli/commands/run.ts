import type { RunCommand } from '../command.js';
import { readRunFlags } from '../run-flags.js';

export const run: RunCommand = async (context) => {
  // Before all that the daemon consists of: reading it alone makes the heap grow.
  await import('../../daemon/small-heap.js');
  const [{ readRunOptions }, { runDaemon }] = await Promise.all([import('../../daemon/options.js'), import('../../daemon/main.js')]);
  return await runDaemon(readRunOptions(readRunFlags(context.options), context.environment), {}, context.signal);
};
