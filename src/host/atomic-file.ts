import { open, readdir, rename, rm, unlink, type FileHandle } from 'node:fs/promises';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errnoOf, isMissing, toStorageError } from './storage-error.js';

export { errnoOf, isMissing, toStorageError } from './storage-error.js';

export interface AtomicFile {
  readonly path: string;
  readonly data: string | Uint8Array;
  /** Default 0600. */
  readonly mode?: number;
}

/**
 * Puts the file in place whole or not at all, and on disk before it resolves. A symbolic link is followed.
 * @throws SupervisorError DISK_FULL, STORAGE_*, DESCRIPTORS_EXHAUSTED
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array, options: { readonly mode?: number } = {}): Promise<void> {
  await writeFilesAtomic([{ path, data, ...options }]);
}

/** Several at once: each is atomic, together they are not. Written side by side, so that they share the waits for the disk. */
export async function writeFilesAtomic(files: readonly AtomicFile[]): Promise<void> {
  const { default: replaceFile } = await import('write-file-atomic');
  const directories = new Map<string, FileHandle>();
  try {
    // Opened first: without a descriptor for it nothing must have been changed yet.
    for (const { path } of files) await openOnce(directories, dirname(path));
    const writes = await Promise.allSettled(files.map(async ({ path, data, mode = 0o600 }) => {
      try {
        await replaceFile(path, '', {
          mode,
          // The library writes once and takes a short write (a disk that fills up) for a whole one; this writes all or throws.
          // It then syncs, renames and cleans up.
          tmpfileCreated: (temporary) => writeFileSync(temporary, data),
        });
      } catch (error) {
        throw toStorageError(error, path);
      }
    }));
    for (const directory of directories.values()) await syncHandle(directory);
    const failed = writes.find((write) => write.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  } finally {
    for (const directory of directories.values()) await directory.close();
  }
}

async function openOnce(directories: Map<string, FileHandle>, directory: string): Promise<void> {
  if (directories.has(directory)) return;
  try {
    directories.set(directory, await open(directory, 'r'));
  } catch (error) {
    throw toStorageError(error, directory);
  }
}

/** Makes names in a directory (created, renamed, removed) survive a power loss. */
export async function syncDirectory(directory: string): Promise<void> {
  try {
    const handle = await open(directory, 'r');
    try {
      await syncHandle(handle);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw toStorageError(error, directory);
  }
}

async function syncHandle(directory: FileHandle): Promise<void> {
  try {
    await directory.sync();
  } catch (error) {
    // Some file systems (FUSE, network) cannot sync a directory; there the rename is all there is.
    if (!['EINVAL', 'ENOTSUP', 'EBADF'].includes(errnoOf(error) ?? '')) throw toStorageError(error, 'a directory', 'sync');
  }
}

/** Removes a file for good. One that is not there is fine. */
export async function removeDurably(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (isMissing(error)) return;
    throw toStorageError(error, path, 'remove');
  }
  await syncDirectory(dirname(path));
}

/** Removes a directory and what is in it. One that is not there is fine. */
export async function removeTreeDurably(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
    await syncDirectory(dirname(path));
  } catch (error) {
    throw toStorageError(error, path, 'remove');
  }
}

/** Within one directory. */
export async function renameDurably(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    throw toStorageError(error, from, 'rename');
  }
  await syncDirectory(dirname(to));
}

/** What write-file-atomic calls its temporaries: the name of the file, a dot, and a number of 32 bits. */
const TEMPORARY = /^(.+)\.\d{1,10}$/;

/**
 * Removes what a killed process left half-written. Only for the holder of the lock: what somebody is writing now looks
 * the same. `owns` says which files are ours, in a directory that is shared.
 */
export async function sweepTemporaries(directory: string, owns: (fileName: string) => boolean = () => true): Promise<readonly string[]> {
  const removed: string[] = [];
  try {
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      const target = TEMPORARY.exec(entry.name)?.[1];
      if (!entry.isFile() || target === undefined || !owns(target)) continue;
      await rm(join(directory, entry.name), { force: true });
      removed.push(entry.name);
    }
  } catch (error) {
    if (!isMissing(error)) throw toStorageError(error, directory, 'sweep');
  }
  return removed;
}
