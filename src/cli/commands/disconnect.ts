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
    output.warn(planned.warnings);
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
  if (!process.stdin.isTTY) throw new SupervisorError('OPTION_INVALID', 'Nobody can be asked here', { hint: 'Give --yes.' });
  const answer = await ask(`${question} Type yes: `, signal);
  if (answer?.trim().toLowerCase() !== 'yes') throw new SupervisorError('INTERRUPTED', 'Nothing was changed', { hint: 'Answer yes, or give --yes where nobody can answer.' });
}

/** Undefined where the answer is Ctrl-C, which is a key here and no signal, or Ctrl-D. */
async function ask(question: string, signal: AbortSignal): Promise<string | undefined> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const interrupted = new AbortController();
  terminal.once('SIGINT', () => interrupted.abort()).once('close', () => interrupted.abort());
  try {
    return await terminal.question(question, { signal: AbortSignal.any([signal, interrupted.signal]) });
  } catch (error) {
    process.stderr.write('\n');
    signal.throwIfAborted();
    if (interrupted.signal.aborted) return undefined;
    throw error;
  } finally {
    terminal.close();
  }
}
