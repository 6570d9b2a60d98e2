import type { RequestOf } from '../../api/client.js';
import { SupervisorError } from '../../core/errors.js';
import { argument, readChangeOptions, readFailure } from '../arguments.js';
import { printChange } from '../change-printer.js';
import type { RunCommand } from '../command.js';
import { readInput } from '../read-input.js';

export const run: RunCommand = async (context) => {
  const rules = await readRuleFile(argument(context, 0), context.signal);
  const { request, options } = readChangeOptions(context);
  const client = await context.client();
  const change = await client.replaceForwarding({ rules, ...request }, { ...options, signal: context.signal });
  printChange(context, change, `${String(change.rules.length)} rule(s) are published`);
  return 0;
};

type Rules = RequestOf<'replaceForwarding'>['rules'];

/** A list of rules, or `rules:` with one. What is in the rules is for the daemon to judge: it names every problem. */
async function readRuleFile(file: string, signal: AbortSignal): Promise<Rules> {
  let content: string;
  try {
    content = await readInput(file, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new SupervisorError('OPTION_INVALID', `${file} cannot be read: ${readFailure(error)}`, { cause: error, hint: 'Name a JSON or YAML file, or - for standard input.' });
  }
  const { parse } = await import('yaml');
  let parsed: unknown;
  try {
    parsed = parse(content, { maxAliasCount: 0 });
  } catch (error) {
    // What follows the first line is the place in the file, drawn.
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new SupervisorError('REQUEST_INVALID', `${file} is neither JSON nor YAML: ${reason.replace(/:$/, '')}`, { cause: error, hint: 'Correct the file; nothing was changed.' });
  }
  const rules = isRecord(parsed) && Object.keys(parsed).join() === 'rules' ? parsed['rules'] : parsed;
  if (!Array.isArray(rules)) {
    throw new SupervisorError('REQUEST_INVALID', `${file} must hold a list of rules, or \`rules:\` with such a list and nothing else`, {
      hint: 'A rule is {"hostname": …, "destination": …}, with "path" and "originRequest" where they are wanted.',
    });
  }
  return rules as Rules;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
