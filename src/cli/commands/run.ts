import type { RunCommand } from '../command.js';
import { readRunFlags } from '../run-flags.js';

export const run: RunCommand = async (context) => {
  const [{ readRunOptions }, { runDaemon }] = await Promise.all([import('../../daemon/options.js'), import('../../daemon/main.js')]);
  return await runDaemon(readRunOptions(readRunFlags(context.options), context.environment));
};
