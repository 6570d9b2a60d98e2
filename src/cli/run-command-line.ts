import { Command, CommanderError, Option } from 'commander';
import { SupervisorError, toSupervisorError } from '../core/errors.js';
import { RUN_OPTIONS } from '../daemon/options.js';
import { packageVersion } from '../host/package-version.js';
import { GivenOptions, type CommandSpec } from './command.js';
import { COMMAND_GROUPS, COMMANDS } from './commands.js';
import { createContext } from './context.js';
import { EXIT_CODES, exitCodeOf, INTERRUPTED } from './exit-codes.js';
import { Output } from './output.js';

/** Options that every command has: whose daemon, and how to answer. */
const COMMON = ['user', 'base-dir', 'state-dir', 'socket'] as const;

/** Parses, runs one command, prints what it says; resolves with the exit code. */
export async function runCommandLine(argv: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const output = new Output(argv.includes('--json'));
  output.outliveReader();
  const interruption = new AbortController();
  let exitCode = 0;
  const program = describeProgram(async (spec, args, options) => {
    const interrupt = (): void => interruption.abort(new SupervisorError('INTERRUPTED', 'Interrupted'));
    process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
    const { run } = await spec.load();
    exitCode = (await run(createContext({ args, options, output, environment, signal: interruption.signal }))) ?? 0;
    if (exitCode === 0 && interruption.signal.aborted && spec.endsBySignal !== true) exitCode = INTERRUPTED;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CommanderError) return answerUsage(thrown, output);
    const error = toSupervisorError(thrown);
    output.fail(error);
    return exitCodeOf(error.code);
  }
  output.clearProgress();
  return exitCode;
}

type Dispatch = (spec: CommandSpec, args: readonly (string | undefined)[], options: GivenOptions) => Promise<void>;

function describeProgram(dispatch: Dispatch): Command {
  const program = new Command('cloudflared-supervisor');
  program
    .description('Connect a domain to this machine through a Cloudflare tunnel, without root, and keep it connected.')
    .version(packageVersion(), '--version')
    .addHelpText('after', `\nExit codes: ${EXIT_CODES.map(([code, meaning]) => `${String(code)} ${meaning}`).join('; ')}.`);
  // `install --version` is the command's own.
  program.enablePositionalOptions();
  quiet(program);
  for (const spec of COMMANDS) describeCommand(commandAt(program, spec.name), spec, dispatch);
  return program;
}

function describeCommand(command: Command, spec: CommandSpec, dispatch: Dispatch): void {
  command.description(spec.summary);
  if (spec.args !== undefined) command.arguments(spec.args);
  for (const { flags, describe, repeatable = false } of spec.options ?? []) command.addOption(toOption(flags, describe, repeatable));
  const names = spec.takesRunOptions === true ? (Object.keys(RUN_OPTIONS) as (keyof typeof RUN_OPTIONS)[]) : COMMON;
  for (const name of names) {
    const { value, describe, repeatable } = RUN_OPTIONS[name];
    command.addOption(toOption(`--${name} <${value}>`, describe, repeatable));
  }
  command.option('--json', 'answer with JSON lines');
  command.action(async () => {
    const values = Object.fromEntries(command.options.map((option) => [option.long?.replace(/^--(no-)?/, '') ?? '', command.getOptionValue(option.attributeName()) as unknown]));
    await dispatch(spec, command.processedArgs.flat() as (string | undefined)[], new GivenOptions(values));
  });
}

function toOption(flags: string, describe: string, repeatable: boolean): Option {
  const option = new Option(flags, describe);
  return repeatable ? option.argParser((text: string, earlier: string[] | undefined) => [...(earlier ?? []), text]) : option;
}

/** The command of a name such as `forward add`, made with its parents where they are not there yet. */
function commandAt(program: Command, name: string): Command {
  let parent = program;
  for (const word of name.split(' ')) {
    let child = parent.commands.find((command) => command.name() === word);
    if (child === undefined) {
      child = new Command(word).description(COMMAND_GROUPS[word] ?? '');
      // An option after a subcommand is the subcommand's, though both have it.
      quiet(child.enablePositionalOptions());
      parent.addCommand(child);
    }
    parent = child;
  }
  return parent;
}

/** Commander throws instead of exiting, and leaves the words to us. */
function quiet(command: Command): void {
  command
    .exitOverride((error) => {
      throw Object.assign(error, { command: fullName(command) });
    })
    .configureOutput({ outputError: () => undefined });
}

const fullName = (command: Command): string => (command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`);

function answerUsage(error: CommanderError & { readonly command?: string }, output: Output): number {
  if (error.exitCode === 0) return 0;
  // A command group without a subcommand prints its help, and that is all there is to say.
  if (error.code === 'commander.help') return 2;
  const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  output.fail(new SupervisorError('OPTION_INVALID', message, error.command === undefined ? {} : { hint: `See \`${error.command} --help\`.` }));
  return exitCodeOf('OPTION_INVALID');
}
