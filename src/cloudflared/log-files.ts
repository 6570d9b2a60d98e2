import { constants, copyFileSync, lstatSync, readdirSync, statSync, truncateSync, unlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errnoOf, isMissing, toStorageError } from '../host/storage-error.js';

/** Each process has a file of its own, `connector-<n>.log`; what is rotated away becomes `connector-<n>.log.<k>`. */

export const MAX_LOG_BYTES = 10 * 1024 * 1024;
const KEPT_FILES = 5;

const NAME = /^connector-(\d{1,15})\.log(?:\.(\d+))?$/;

/** Never one that was used before: an orphan may still write to it. */
export function nextLogNumber(logDir: string): number {
  return readdirSync(logDir).reduce((highest, name) => Math.max(highest, logNumber(name)), 0) + 1;
}

export interface LogFile {
  readonly path: string;
  readonly number: number;
  /** ms since the epoch. */
  readonly modified: number;
}

/** 0 where it is no connector's log. */
export const logNumber = (path: string): number => Number(NAME.exec(basename(path))?.[1] ?? 0);

/** Rotated ones too, in no order. */
export function listLogs(logDir: string): readonly LogFile[] {
  return readdirSync(logDir).flatMap((name) => {
    const number = NAME.exec(name)?.[1];
    const path = join(logDir, name);
    const stat = number === undefined ? undefined : lstatSync(path, { throwIfNoEntry: false });
    // A FIFO of such a name would hold its reader for ever; a directory can be neither read nor removed as a log.
    return stat?.isFile() === true ? [{ path, number: Number(number), modified: stat.mtimeMs }] : [];
  });
}

/** Removes the oldest beyond five, but none that a process still writes to. */
export function pruneLogs(logDir: string, isInUse: (path: string) => boolean): void {
  const unused = listLogs(logDir).filter((log) => !isInUse(log.path)).sort((a, b) => b.modified - a.modified || b.number - a.number);
  for (const { path } of unused.slice(KEPT_FILES - 1)) {
    try {
      unlinkSync(path);
    } catch (error) {
      if (!isMissing(error)) throw toStorageError(error, path, 'remove');
    }
  }
}

/**
 * The process holds the file open and appends, so it cannot be moved away: it is copied and emptied. What is written
 * between the two (microseconds) is lost from the copy; the follower has not read it either, and cannot tell.
 */
export function rotateLog(path: string): void {
  try {
    copyFileSync(path, freeName(path), constants.COPYFILE_FICLONE);
  } catch (error) {
    // Without room for a copy the old lines go: a full disk must not be the end of the log's bound.
    if (errnoOf(error) !== 'ENOSPC' && errnoOf(error) !== 'EDQUOT') throw toStorageError(error, path, 'rotate');
  }
  truncateSync(path, 0);
}

function freeName(path: string): string {
  let index = 1;
  while (statSync(`${path}.${index}`, { throwIfNoEntry: false }) !== undefined) index += 1;
  return `${path}.${index}`;
}

const TAIL_BYTES = 8 * 1024;

/** The last line that is not blank; empty where there is none, or no file. */
export async function readLastLine(path: string): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(TAIL_BYTES, size)), 0, Math.min(TAIL_BYTES, size), Math.max(0, size - TAIL_BYTES));
      return buffer.subarray(0, bytesRead).toString('utf8').split('\n').map((line) => line.trim()).findLast((line) => line !== '') ?? '';
    } finally {
      await file.close();
    }
  } catch {
    return ''; // It is for people only; that it cannot be read must not hide why the process ended.
  }
}
