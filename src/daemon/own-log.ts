import { constants, copyFileSync, fstatSync, ftruncateSync, renameSync, statSync } from 'node:fs';
import { errnoOf, toStorageError } from '../host/storage-error.js';
import type { Logger } from '../host/logging.js';

const MAX_BYTES = 10 * 1024 * 1024;
/** The one that is written to among them. */
const KEPT_FILES = 5;
const LOOK_MS = 10 * 60_000;

export interface OwnLog {
  readonly path: string;
  /** What is written to. */
  readonly descriptor?: number;
  readonly maxBytes?: number;
}

/**
 * Standard error leads into the log of the base directory where `up` or OpenRC started us; elsewhere others keep it. We
 * did not open it and cannot open another: it is copied and emptied, which loses nothing, since nobody but this very
 * thread writes to it. True where it was.
 */
export function rotateOwnLog({ path, descriptor = 2, maxBytes = MAX_BYTES }: OwnLog): boolean {
  const written = fstatSync(descriptor);
  const named = statSync(path, { throwIfNoEntry: false });
  if (!written.isFile() || named?.ino !== written.ino || named.dev !== written.dev || written.size <= maxBytes) return false;
  try {
    for (let older = KEPT_FILES - 1; older > 1; older -= 1) moveIfThere(`${path}.${older - 1}`, `${path}.${older}`);
    copyFileSync(path, `${path}.1`, constants.COPYFILE_FICLONE);
  } catch (error) {
    // Without room for a copy the old lines go: a full disk must not be the end of the log's bound.
    if (errnoOf(error) !== 'ENOSPC' && errnoOf(error) !== 'EDQUOT') throw toStorageError(error, path, 'rotate');
  }
  ftruncateSync(descriptor);
  return true;
}

/** Not at once: whoever started us reads in it whether we serve. */
export function boundOwnLog(path: string, logger: Logger): void {
  setInterval(() => {
    try {
      rotateOwnLog({ path });
    } catch (error) {
      logger.warn({ error }, 'the log of the daemon cannot be rotated');
    }
  }, LOOK_MS).unref();
}

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
