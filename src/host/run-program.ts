import { systemClock, type Clock } from '../core/clock.js';
import { errnoOf } from './storage-error.js';

/** A program and its arguments. Never a shell line. */
export type Argv = readonly [string, ...string[]];

export interface ProgramOptions {
  /** All of it: nothing of ours is added. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Standard input; else there is none. */
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  /** In a group of its own, ended as a whole. Default true. */
  readonly ownGroup?: boolean;
  /** For root: whom it is run as, without further groups. */
  readonly runAs?: { readonly uid: number; readonly gid: number };
  /** Open files that it gets as its descriptors 3, 4, … */
  readonly descriptors?: readonly number[];
  readonly clock?: Clock;
  /** Aborted, it ends the program as if it were overdue, and `runProgram` rejects with its reason. */
  readonly signal?: AbortSignal;
}

export interface ProgramResult {
  readonly stdout: string;
  readonly stderr: string;
  /** Absent where it did not start, or a signal ended it. */
  readonly exitCode: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  /** Why it did not start: `ENOENT`, `EACCES`, `EAGAIN`, … */
  readonly startError: string | undefined;
  readonly timedOut: boolean;
  /** Overdue, and not ours to end (root's): it still runs. */
  readonly leftRunning: number | undefined;
}

/** What a program may say before it is ended. */
const MAX_OUTPUT_CHARACTERS = 4_000_000;
/** Between asking an overdue program to end and forcing it. */
const GRACE_MS = 2_000;

/** Runs a short program to its end and returns what came of it; how it went is for the caller to judge. Rejects with the signal's reason alone. */
export async function runProgram([file, ...argv]: Argv, options: ProgramOptions): Promise<ProgramResult> {
  const { execa } = await import('execa');
  const { clock = systemClock, ownGroup = true, signal: unwanted } = options;
  unwanted?.throwIfAborted();
  const child = execa(file, argv, {
    reject: false,
    extendEnv: false,
    env: options.env,
    cwd: options.cwd ?? '/',
    detached: ownGroup,
    maxBuffer: MAX_OUTPUT_CHARACTERS,
    // Its own idea of forcing would come too early; `end` below does it.
    forceKillAfterDelay: false,
    stripFinalNewline: false,
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.runAs === undefined ? {} : { uid: options.runAs.uid, gid: options.runAs.gid }),
    // execa takes any descriptor; its types list the first few only.
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...(options.descriptors ?? []).map((descriptor) => descriptor as 3)],
  });
  const over = new AbortController();
  const overdue = clock.sleep(options.timeoutMs, over.signal).then(() => 'overdue' as const);
  const aborted = new Promise<'aborted'>((resolve) => {
    unwanted?.addEventListener('abort', () => resolve('aborted'), { once: true, signal: over.signal });
  });
  try {
    const result = await Promise.race([child, overdue, aborted]);
    if (result !== 'overdue' && result !== 'aborted') {
      const { exitCode, signal, stdout, stderr, code } = result;
      return { stdout, stderr, exitCode, signal, startError: child.pid === undefined ? code : undefined, timedOut: false, leftRunning: undefined };
    }
  } finally {
    over.abort();
  }
  const ended = await end(child, ownGroup, clock);
  if (!ended) child.unref();
  unwanted?.throwIfAborted();
  return { stdout: '', stderr: '', exitCode: undefined, signal: undefined, startError: undefined, timedOut: true, leftRunning: ended ? undefined : child.pid };
}

interface Running extends PromiseLike<unknown> {
  readonly pid?: number | undefined;
  readonly exitCode: number | null;
  readonly signalCode: NodeJS.Signals | null;
}

async function end(child: Running, ownGroup: boolean, clock: Clock): Promise<boolean> {
  const hasEnded = (): boolean => child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (child.pid === undefined || hasEnded()) break;
    try {
      process.kill(ownGroup ? -child.pid : child.pid, signal);
    } catch (error) {
      if (errnoOf(error) === 'EPERM') return false;
      if (errnoOf(error) !== 'ESRCH') throw error;
    }
    const waited = new AbortController();
    await Promise.race([child, clock.sleep(GRACE_MS, waited.signal)]).finally(() => waited.abort());
  }
  return hasEnded();
}
