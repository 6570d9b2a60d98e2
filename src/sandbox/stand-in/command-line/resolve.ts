import { HELP_FLAG, VERSION_FLAG, type Action, type Command } from './commands.js';
import { Context } from './context.js';
import { EnvironmentProblem, FlagProblem, FlagSet } from './flag-set.js';
import { helpText } from './help.js';

/** What a command line comes to. Whatever is only printed goes to standard output, with code 0. */
export type Invocation =
  | { readonly kind: 'act'; readonly action: Exclude<Action, 'help' | 'absent'>; readonly context: Context }
  | { readonly kind: 'print'; readonly text: string }
  | { readonly kind: 'absent'; readonly path: readonly string[] };

/** Flags may stand only with their own command; the first word that is none names the next command. */
export function resolve(command: Command, args: readonly string[], parent?: Context, path: readonly string[] = [command.name]): Invocation {
  const isGroup = command.subcommands.length > 0;
  const help = helpText(command, path);
  if (command.action === 'absent') return { kind: 'absent', path };
  let flags: FlagSet;
  try {
    flags = new FlagSet([...command.flags, HELP_FLAG], args);
  } catch (error) {
    if (error instanceof EnvironmentProblem) return { kind: 'print', text: '' };
    if (error instanceof FlagProblem) return { kind: 'print', text: `Incorrect Usage${isGroup ? '.' : ':'} ${error.message}\n\n${help}` };
    throw error;
  }
  const context = new Context(parent, path.slice(-2).filter((word) => word !== 'cloudflared').join(' '), flags);
  if (flags.isGiven(HELP_FLAG)) return { kind: 'print', text: help };
  if (flags.find(VERSION_FLAG.name) !== undefined && flags.isGiven(VERSION_FLAG)) return { kind: 'act', action: 'version', context };
  const [word, ...rest] = flags.args;
  const subcommand = command.subcommands.find((candidate) => candidate.name === word);
  if (word !== undefined && subcommand !== undefined) return resolve(subcommand, rest, context, [...path, word]);
  if (command.action === 'help' || (isGroup && (word === 'help' || word === 'h'))) return { kind: 'print', text: help };
  return { kind: 'act', action: command.action, context };
}
