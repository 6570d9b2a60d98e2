import { SupervisorError } from '../core/errors.js';
import { readProcess } from '../host/process-table.js';
import { signalGroup, signalProcess } from '../host/stop-process.js';
import type { CommandLine } from './command-lines.js';

/** A program whose output is read as it comes: on a pseudo terminal, or through pipes. */
export interface WatchedProgram {
  readonly pid: number;
  /** Resolves when it has ended and all it wrote was passed on. Never rejects. */
  readonly ended: Promise<void>;
  /** SIGKILL to it and all of its group. */
  kill(): void;
}

export interface WatchRequest {
  readonly command: CommandLine;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly onText: (text: string) => void;
}

export type TerminalKind = 'pty' | 'pipes';

/** The pseudo terminal where node-pty is installed, else pipes; or the one that is asked for. */
export async function watchProgram(request: WatchRequest, kind?: TerminalKind): Promise<WatchedProgram> {
  const pty = kind === 'pipes' ? undefined : await importPty();
  if (pty !== undefined) return onTerminal(pty, request);
  if (kind === 'pty') throw new SupervisorError('LOGIN_FAILED', 'There is no pseudo terminal here: node-pty is not installed.');
  return await throughPipes(request);
}

/** What we use of node-pty. Declared here, since it may be absent when this is compiled. */
interface PtyModule {
  spawn(file: string, argv: readonly string[], options: Readonly<Record<string, unknown>>): {
    readonly pid: number;
    onData(listener: (text: string) => void): unknown;
    onExit(listener: () => void): unknown;
  };
}

async function importPty(): Promise<PtyModule | undefined> {
  try {
    const name: string = 'node-pty';
    const imported: unknown = await import(name);
    return isPty(imported) ? imported : undefined;
  } catch {
    return undefined; // Optional: not installed, or not built for this Node.
  }
}

const isPty = (imported: unknown): imported is PtyModule =>
  typeof imported === 'object' && imported !== null && 'spawn' in imported && typeof imported.spawn === 'function';

/** Wide enough that no program breaks a line on its own account. */
const COLUMNS = 1_000;

function onTerminal(pty: PtyModule, { command: [file, ...argv], env, cwd, onText }: WatchRequest): WatchedProgram {
  let program: ReturnType<PtyModule['spawn']>;
  try {
    program = pty.spawn(file, argv, { name: 'xterm', cols: COLUMNS, rows: 50, cwd, env: { ...env } });
  } catch (error) {
    throw new SupervisorError('LOGIN_FAILED', `${file} cannot be started on a pseudo terminal: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  program.onData(onText);
  let running = true;
  const ended = new Promise<void>((resolve) => {
    program.onExit(() => {
      running = false;
      resolve();
    });
  });
  const { pid } = program;
  const self = readProcess(pid);
  return {
    pid, ended,
    kill: () => {
      // Just started it has no group of its own yet; then there is nobody but itself.
      if (running && !signalGroup(pid, 'SIGKILL') && self !== undefined) signalProcess(self, 'SIGKILL');
    },
  };
}

async function throughPipes({ command: [file, ...argv], env, cwd, onText }: WatchRequest): Promise<WatchedProgram> {
  const { execa } = await import('execa');
  const program = execa(file, argv, {
    reject: false, buffer: false, cleanup: false, detached: true, extendEnv: false, env, cwd,
    stdin: 'ignore', stdout: 'pipe', stderr: 'pipe',
  });
  for (const stream of [program.stdout, program.stderr]) stream.setEncoding('utf8').on('data', onText);
  const { pid } = program;
  if (pid === undefined) throw new SupervisorError('LOGIN_FAILED', `${file} cannot be started: ${(await program).code ?? 'unknown reason'}.`);
  return {
    pid,
    ended: program.then(() => undefined),
    kill: () => {
      if (program.exitCode === null && program.signalCode === null) signalGroup(pid, 'SIGKILL');
    },
  };
}
