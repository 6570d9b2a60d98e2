import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { systemClock, type Clock } from '../core/clock.js';
import { SYSTEM_PATH } from './child-environment.js';
import { isRunning, listTree, type ProcessEntry } from './process-table.js';
import { errnoOf } from './storage-error.js';

/** A process by what names it for ever. */
export type ProcessRef = Pick<ProcessEntry, 'pid' | 'startTime'>;

const POLL_MS = 20;
const PS_TIMEOUT_MS = 5_000;

/** Sends to the process and its group (it was spawned `detached`). False where nobody was there to get it. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  return send(-pid, signal);
}

/** Sends to this very process, and to no later one of the same pid. */
export function signalProcess(process: ProcessRef, signal: NodeJS.Signals): boolean {
  return isRunning(process) && send(process.pid, signal);
}

function send(target: number, signal: NodeJS.Signals): boolean {
  // 0 and 1 would be ourselves and everybody: nobody asks for that but by mistake.
  if (!Number.isInteger(target) || Math.abs(target) <= 1) throw new RangeError(`no process to signal: ${target}`);
  try {
    process.kill(target, signal);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
    throw error;
  }
}

/** For a process that is not our child (an orphan): nobody tells us of its end, so it is looked for. False where it still runs after `timeoutMs`. */
export async function waitForEnd(process: ProcessRef, timeoutMs: number, clock: Clock = systemClock): Promise<boolean> {
  const deadline = clock.monotonic() + timeoutMs;
  while (isRunning(process)) {
    if (clock.monotonic() >= deadline) return false;
    await clock.sleep(POLL_MS);
  }
  return true;
}

/**
 * The last resort: SIGKILL to a process, to what descends from it (even out of its group), and to its group. tree-kill
 * finds the descendants where `ps` can answer it; else /proc does. It runs as a program of its own, because it throws
 * where nobody can catch when it cannot start `ps`.
 */
export async function killTree(pid: number): Promise<void> {
  const tree = listTree(pid);
  if (await canPsAnswer()) await runTreeKill(pid);
  for (const entry of tree) signalProcess(entry, 'SIGKILL');
  signalGroup(pid, 'SIGKILL');
}

/** Debian slim has no `ps`; busybox has one that does not know `--ppid`. It must be able to name itself as our child. */
async function canPsAnswer(): Promise<boolean> {
  return (await runQuietly('ps', ['-o', 'pid', '--no-headers', '--ppid', String(process.pid)])) === 0;
}

async function runTreeKill(pid: number): Promise<void> {
  const program = createRequire(import.meta.url).resolve('tree-kill/cli.js');
  await runQuietly(process.execPath, [program, String(pid), 'SIGKILL']);
}

/** The exit code, or undefined where it could not be started or did not end. */
async function runQuietly(file: string, argv: readonly string[]): Promise<number | undefined> {
  return new Promise((resolve) => {
    const child = spawn(file, argv, { stdio: 'ignore', env: { PATH: process.env['PATH'] ?? SYSTEM_PATH }, timeout: PS_TIMEOUT_MS, killSignal: 'SIGKILL' });
    child.once('error', () => resolve(undefined));
    child.once('exit', (code) => resolve(code ?? undefined));
  });
}
