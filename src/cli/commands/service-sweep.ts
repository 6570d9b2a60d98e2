import type { RunCommand } from '../command.js';
import { readRunFlags } from '../run-flags.js';

export const run: RunCommand = async ({ options, environment, output }) => {
  const [{ readRunOptions }, { sweepConnectors }] = await Promise.all([import('../../daemon/options.js'), import('../../daemon/sweep.js')]);
  const swept = await sweepConnectors(readRunOptions(readRunFlags(options), environment), environment);
  output.value(swept);
  output.line(swept.left === 'none' ? `Connectors that were left and have ended now: ${String(swept.ended)}.` : `Nothing was touched: ${swept.left.replace('-', ' ')}.`);
  return 0;
};
