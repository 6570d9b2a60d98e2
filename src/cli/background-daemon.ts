import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemClock } from '../core/clock.js';
import { ERRORS, SupervisorError, type ErrorCode } from '../core/errors.js';
import { makeDirectories } from '../host/make-directories.js';
import { builtFile } from '../host/package-files.js';
import { openRegularToAppend } from '../host/regular-file.js';
import { toStorageError } from '../host/storage-error.js';
import { IN_BACKGROUND } from './running-daemon.js';

/** From spawn to socket; a daemon that has much to recover serves its socket first. */
export const START_TIMEOUT_MS = 30_000;
const POLL_MS = 20;
const LOG_TAIL_CHARACTERS = 2_000;

export interface DaemonReady {
  readonly pid: number;
  readonly socket: string;
  readonly version: string;
}

/** Of JSON alone: as root for another user it is done by a child that has become them (host/as-user.ts). */
export interface BackgroundStart {
  readonly logFile: string;
  /** Of `run`. */
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export default async function startAsUser(input: unknown): Promise<DaemonReady> {
  return await startDetached(input as BackgroundStart);
}

/** Starts `run` in a session of its own, its output appended to the log; resolves when it says that it serves. */
export async function startDetached(start: BackgroundStart, signal?: AbortSignal): Promise<DaemonReady> {
  const { logFile } = start;
  const log = openLog(logFile);
  const begin = statSync(logFile).size;
  const program = builtFile('cli/main');
  const child = spawn(process.execPath, [program, 'run', ...start.arguments], { detached: true, stdio: ['ignore', log, log], cwd: '/', env: { ...start.environment, [IN_BACKGROUND]: '1' } });
  closeSync(log);
  child.unref();
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, killedBy) => resolve(`it ended with ${killedBy ?? `code ${String(code)}`}`));
  });
  const deadline = systemClock.monotonic() + START_TIMEOUT_MS;
  for (;;) {
    const ready = findReady(readSince(logFile, begin), child.pid);
    if (ready !== undefined) return ready;
    const end = await Promise.race([ended, systemClock.sleep(POLL_MS, signal).then(() => undefined)]);
    if (end !== undefined) throw failedStart(logFile, begin, end);
    if (systemClock.monotonic() > deadline) throw failedStart(logFile, begin, `it does not serve after ${String(START_TIMEOUT_MS / 1000)} s`);
  }
}

function openLog(logFile: string): number {
  try {
    makeDirectories(dirname(logFile), 0o700);
    return openRegularToAppend(logFile);
  } catch (error) {
    throw toStorageError(error, logFile, 'open');
  }
}

/** What earlier daemons wrote may be megabytes. */
function readSince(logFile: string, begin: number): string {
  const log = openSync(logFile, 'r');
  try {
    const text = Buffer.alloc(Math.max(0, fstatSync(log).size - begin));
    return text.toString('utf8', 0, readSync(log, text, 0, text.length, begin));
  } finally {
    closeSync(log);
  }
}

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERRORS, code);

/** Of this very daemon: another that is started at the same time writes into the same log. */
function findReady(log: string, pid: number | undefined): DaemonReady | undefined {
  const lines = log.split('\n').filter((text) => text.startsWith('{"event":"daemon.ready"') && text.endsWith('}'));
  return lines.map((line) => JSON.parse(line) as DaemonReady).find((ready) => ready.pid === pid);
}

function failedStart(logFile: string, begin: number, reason: string): SupervisorError {
  const said = readSince(logFile, begin).slice(-LOG_TAIL_CHARACTERS).trim();
  // Its last words are an error as the command line prints it: that is the failure, and not that there was one.
  const [, message, code, hint] = /^error (.+) \(([A-Z_]+)\)\n(?: {2}- .*\n)* {2}(.+)$/m.exec(said) ?? [];
  if (message !== undefined && code !== undefined && hint !== undefined && isErrorCode(code)) return new SupervisorError(code, `The daemon did not start: ${message}`, { hint });
  return new SupervisorError('DAEMON_UNREACHABLE', `The daemon did not start: ${reason}${said === '' ? '' : `\n${said}`}`, { hint: `Its log is ${logFile}.` });
}
