import { closeSync } from 'node:fs';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { SupervisorError } from '../core/errors.js';
import type { ConnectorProcess, ProcessExit } from '../connector/ports.js';
import { isRunning } from '../host/process-table.js';
import { openRegularToAppend } from '../host/regular-file.js';
import { killTree, signalGroup, signalProcess } from '../host/stop-process.js';
import type { ProcessRef } from '../host/stop-process.js';
import { errnoOf } from '../host/storage-error.js';
import type { CommandLine } from './command-lines.js';

export interface SpawnRequest {
  readonly command: CommandLine;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly logFile: string;
  readonly revision: number;
  readonly metricsPort: number;
}

export interface ProcessCallbacks {
  /** For people: the last line that the process wrote. Asked once, at its end. */
  readonly lastLine: () => Promise<string>;
  /** We have nothing to do with it any more: it ended, or was handed over. */
  readonly onReleased: () => void;
}

/**
 * Starts a connector in a session of its own, its output appended to a file: so it lives on when we die, and no
 * signal of our terminal reaches it.
 * @throws SupervisorError BINARY_MISSING, BINARY_UNUSABLE, PROCESS_LIMIT, STORAGE_*, DISK_FULL, DESCRIPTORS_EXHAUSTED
 */
export async function spawnConnector(request: SpawnRequest, attend: (pid: number) => ProcessCallbacks): Promise<ConnectorProcess> {
  const { execa } = await import('execa');
  const [file, ...argv] = request.command;
  // A descriptor of our own, of which the child gets a copy. execa takes any; its types list the first few only.
  const log = openRegularToAppend(request.logFile) as 3;
  let child;
  try {
    child = execa(file, argv, {
      reject: false,
      buffer: false,
      cleanup: false,
      detached: true,
      extendEnv: false,
      env: request.env,
      cwd: request.cwd,
      stdio: ['ignore', log, log],
    });
    if (child.pid === undefined) throw startError(file, (await child).code);
  } finally {
    closeSync(log);
  }
  const { pid } = child;
  const startedAt = Date.now();
  const callbacks = attend(pid);
  const exited = once(child, 'exit');
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    pid, startedAt,
    revision: request.revision,
    metricsPort: request.metricsPort,
    ended: exited.then(async () => await conclude({ exitCode: child.exitCode, signal: child.signalCode }, callbacks)),
    terminate: () => {
      if (!hasEnded()) signalOrIgnore(() => process.kill(pid, 'SIGTERM'));
    },
    kill: killer(pid, () => !hasEnded()),
    letGo: () => {
      child.unref();
      callbacks.onReleased();
    },
  };
}

async function conclude(how: Pick<ProcessExit, 'exitCode' | 'signal'>, callbacks: ProcessCallbacks): Promise<ProcessExit> {
  const lastLine = await callbacks.lastLine();
  callbacks.onReleased();
  return { ...how, lastLine };
}

/** The first time the group, which is all of it; should it still be there the next time, everything that descends from it. */
function killer(pid: number, isThere: () => boolean): () => void {
  let tried = false;
  return () => {
    if (!isThere()) return;
    // Should that fail too, it is tried again.
    if (tried) void killTree(pid).catch(() => undefined);
    else signalOrIgnore(() => signalGroup(pid, 'SIGKILL'));
    tried = true;
  };
}

function startError(file: string, code: string | undefined): SupervisorError {
  switch (code) {
    case 'ENOENT': return new SupervisorError('BINARY_MISSING', `There is no file ${file}.`);
    case 'EAGAIN': case 'ENOMEM': return new SupervisorError('PROCESS_LIMIT', `${file} cannot be started: ${code}.`);
    case 'EMFILE': case 'ENFILE': return new SupervisorError('DESCRIPTORS_EXHAUSTED', `${file} cannot be started: ${code}.`);
    case undefined: default: return new SupervisorError('BINARY_UNUSABLE', `${file} cannot be executed: ${code ?? 'unknown reason'}.`);
  }
}

export interface OrphanRequest {
  readonly ref: ProcessRef;
  readonly startedAt: number;
  readonly revision: number;
  readonly metricsPort: number;
}

/** Nobody tells us of the end of a process that is not our child. */
const ORPHAN_POLL_MS = 250;

/** A connector that an earlier supervisor started. Every signal goes to this very process, by pid and start time. */
export function adoptConnector({ ref, startedAt, revision, metricsPort }: OrphanRequest, callbacks: ProcessCallbacks): ConnectorProcess {
  const released = new AbortController();
  return {
    pid: ref.pid, revision, metricsPort, startedAt,
    ended: waitForEnd(ref, released.signal).then(async () => await conclude({ exitCode: null, signal: null }, callbacks)),
    terminate: () => {
      signalOrIgnore(() => signalProcess(ref, 'SIGTERM'));
    },
    kill: killer(ref.pid, () => isRunning(ref)),
    letGo: () => {
      released.abort();
      callbacks.onReleased();
    },
  };
}

async function waitForEnd(ref: ProcessRef, released: AbortSignal): Promise<void> {
  while (isRunning(ref)) {
    try {
      await delay(ORPHAN_POLL_MS, undefined, { signal: released });
    } catch {
      await new Promise(() => undefined); // Let go: its end is for others to see.
    }
  }
}

function signalOrIgnore(send: () => boolean): void {
  try {
    send();
  } catch (error) {
    // It has just ended; or it belongs to somebody else, and was never ours to stop.
    if (errnoOf(error) !== 'EPERM' && errnoOf(error) !== 'ESRCH') throw error;
  }
}
