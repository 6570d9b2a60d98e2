import { spawnSync } from 'node:child_process';
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { SupervisorError } from '../core/errors.js';
import { SYSTEM_PATH } from './child-environment.js';
import { withClaim } from './lock-claim.js';
import { describeSelf, isHolderAlive, parseHolder, type LockHolder } from './lock-holder.js';
import { openRegularToAppend } from './regular-file.js';
import { toStorageError } from './storage-error.js';

export interface Lock {
  /** `flock`: the kernel holds it for us. `record`: only what stands in the file does. */
  readonly kind: 'flock' | 'record';
  /** Idempotent. The file stays: were it removed, two could hold two files of the same name. */
  release(): void;
}

export interface LockRequest {
  /** What this process runs, for whoever is refused. */
  readonly command: string;
  /** ISO time. */
  readonly since: string;
  /** Where the flock program is looked for. Default: PATH and the system's places. */
  readonly searchPath?: string;
}

const FLOCK_TIMEOUT_MS = 5_000;
const RECORD_BYTES = 4_096;

/**
 * Takes the lock or says who has it. Two things must agree: `flock` on a descriptor that we keep open, which the
 * kernel drops when we die and which knows no pids; and the record in the file (pid, start time, boot id), which
 * holds where that program is missing or the file system does not pass locks on. Children do not inherit the descriptor.
 * @throws SupervisorError LOCK_HELD, STORAGE_*
 */
export function acquireLock(path: string, { searchPath = defaultSearchPath(), ...holder }: LockRequest): Lock {
  // Not truncated: it may be somebody's record. Not set aside where it is no file: two would set aside each other's.
  const descriptor = openRegularToAppend(path, 'read-write');
  try {
    const record = { ...describeSelf(), ...holder };
    const flocked = tryFlock(descriptor, searchPath);
    if (flocked === 'held') throw held(path, readHolder(descriptor));
    if (flocked === 'locked') takeRecord(path, descriptor, record);
    else if (!withClaim(`${path}.claim`, record, () => takeRecord(path, descriptor, record))) throw held(path, undefined);
    return toLock(descriptor, flocked === 'locked' ? 'flock' : 'record');
  } catch (error) {
    closeSync(descriptor);
    throw toStorageError(error, path, 'lock');
  }
}

/** Who holds it now by the record; undefined where nobody does, or a crash left the record. */
export function readLockHolder(path: string): LockHolder | undefined {
  let descriptor: number;
  try {
    // A FIFO in its place would hold whoever opens it.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined; // No file, or not ours to read: nobody that we could name.
  }
  try {
    const holder = readHolder(descriptor);
    return holder !== undefined && isHolderAlive(holder) ? holder : undefined;
  } finally {
    closeSync(descriptor);
  }
}

function defaultSearchPath(): string {
  const own = process.env['PATH'];
  // An empty element would mean the working directory.
  return own === undefined || own === '' ? SYSTEM_PATH : `${own}:${SYSTEM_PATH}`;
}

/**
 * The program locks the open file that it shares with us and ends; the lock stays with that open file, which is ours.
 * Node cannot lock by itself.
 */
function tryFlock(descriptor: number, searchPath: string): 'locked' | 'held' | 'unavailable' {
  const { status } = spawnSync('flock', ['-n', '-x', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', descriptor],
    env: { PATH: searchPath },
    timeout: FLOCK_TIMEOUT_MS,
  });
  if (status === 0) return 'locked';
  // 1 from util-linux and busybox alike; all else means that it could not try: no program, no locks on this file system.
  return status === 1 ? 'held' : 'unavailable';
}

/** Refuses where the record names somebody who lives, else puts our own there. */
function takeRecord(path: string, descriptor: number, record: LockHolder): void {
  const other = readHolder(descriptor);
  if (other !== undefined && isHolderAlive(other)) throw held(path, other);
  ftruncateSync(descriptor);
  writeSync(descriptor, `${JSON.stringify(record)}\n`);
}

function readHolder(descriptor: number): LockHolder | undefined {
  const about = fstatSync(descriptor);
  if (!about.isFile()) return undefined;
  const buffer = Buffer.alloc(Math.min(about.size, RECORD_BYTES));
  readSync(descriptor, buffer, 0, buffer.length, 0);
  return parseHolder(buffer.toString('utf8'));
}

function toLock(descriptor: number, kind: Lock['kind']): Lock {
  let released = false;
  return {
    kind,
    release: () => {
      if (released) return;
      released = true;
      ftruncateSync(descriptor);
      closeSync(descriptor);
    },
  };
}

function held(path: string, holder: LockHolder | undefined): SupervisorError {
  const who = holder === undefined ? 'another supervisor that is just starting, or runs in another container' : `pid ${holder.pid} since ${holder.since} (${holder.command})`;
  return new SupervisorError('LOCK_HELD', `${path} is held by ${who}`);
}
