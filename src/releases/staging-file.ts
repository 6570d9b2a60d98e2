import { randomBytes } from 'node:crypto';
import { access, constants, open, readdir, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { SupervisorError } from '../core/errors.js';
import { readProcess } from '../host/process-table.js';
import { errnoOf, toStorageError } from '../host/storage-error.js';

/** A file beside the place that it is for: on the same file system, so that it gets there by a rename. */
export interface StagingFile {
  readonly path: string;
  readonly handle: FileHandle;
}

/** `cloudflared.<pid>.<random>`: a connector may be tried from it, and shows its name in lists of processes. */
const NAME = /^cloudflared\.(\d+)\.[0-9a-f]{8}$/;

/**
 * Removes what killed processes left, and makes a new one. Whether programs may be run from there is tried at once, not
 * after a long download.
 * @throws SupervisorError BINARY_NOT_EXECUTABLE, DISK_FULL, STORAGE_*
 */
export async function openStagingFile(directory: string): Promise<StagingFile> {
  const path = join(directory, `cloudflared.${process.pid}.${randomBytes(4).toString('hex')}`);
  let handle: FileHandle;
  try {
    await sweep(directory);
    handle = await open(path, 'wx', 0o700);
  } catch (error) {
    throw toStorageError(error, path, 'create');
  }
  try {
    await access(path, constants.X_OK);
    return { path, handle };
  } catch (error) {
    await discardStagingFile({ path, handle });
    // Its mode lets us, so what forbids it is the mount.
    if (errnoOf(error) === 'EACCES') throw new SupervisorError('BINARY_NOT_EXECUTABLE', `${directory} is on a file system from which no program can be run (mounted with noexec).`, { cause: error });
    throw toStorageError(error, path);
  }
}

/** Also after it was put in place, when there is none any more. */
export async function discardStagingFile({ path, handle }: StagingFile): Promise<void> {
  await handle.close().catch(() => undefined); // Closed already, or written to no purpose.
  await rm(path, { force: true });
}

async function sweep(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const pid = NAME.exec(name)?.[1];
    if (pid !== undefined && Number(pid) !== process.pid && readProcess(Number(pid)) === undefined) await rm(join(directory, name), { force: true });
  }
}
