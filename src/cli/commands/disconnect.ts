import { createInterface } from 'node:readline/promises';
import { SupervisorError } from '../../core/errors.js';
import { printPlan } from '../change-printer.js';
import type { CommandContext, RunCommand } from '../command.js';

export const run: RunCommand = async (context) => {
  const { output, options } = context;
  const client = await context.client();
  if (options.flag('dry-run')) {
    const planned = await client.disconnect({ dryRun: true }, { signal: context.signal });
    output.value(planned);
    if (planned.plan.length === 0) output.line('Nothing is connected.');
    else printPlan(output, planned.plan);
    return 0;
  }
  if (!options.flag('yes')) {
    const { tunnel, rules } = await client.status({ signal: context.signal });
    await confirm(context, tunnel === null ? 'Remove what is left?' : `Take ${tunnel.domain} off this machine, with ${String(rules.length)} rule(s)?`);
  }
  const answer = await client.disconnect({}, { signal: context.signal });
  output.value(answer);
  output.warn(answer.warnings);
  output.line(answer.outcome === 'unchanged' ? 'Nothing is connected.' : 'Disconnected.');
  return 0;
};

async function confirm({ signal }: CommandContext, question: string): Promise<void> {
  const refused = new SupervisorError('INTERRUPTED', 'Nothing was changed', { hint: 'Answer yes, or give --yes where nobody can answer.' });
  if (!process.stdin.isTTY) throw new SupervisorError('OPTION_INVALID', 'Nobody can be asked here', { hint: 'Give --yes.' });
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} Type yes: `, { signal });
    if (answer.trim().toLowerCase() !== 'yes') throw refused;
  } finally {
    terminal.close();
  }
}
