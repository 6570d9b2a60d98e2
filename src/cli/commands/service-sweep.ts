import type { RunCommand } from '../command.js';
import { readRunFlags } from '../run-flags.js';

const WHY = { 'daemon-serves': 'a daemon serves', 'daemon-crashed': 'the daemon crashed, and the next one takes over', 'handed-over': 'the daemon handed over to the next one' } as const;

export const run: RunCommand = async ({ options, environment, output }) => {
  const [{ readRunOptions }, { sweepConnectors }] = await Promise.all([import('../../daemon/options.js'), import('../../daemon/sweep.js')]);
  const swept = await sweepConnectors(readRunOptions(readRunFlags(options), environment), environment);
  output.value(swept);
  output.line(swept.left === 'none' ? `Connectors that were left and have ended now: ${String(swept.ended)}.` : `Nothing was touched: ${WHY[swept.left]}.`);
  return 0;
};
