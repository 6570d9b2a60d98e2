import { chmod, stat } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { SupervisorError } from '../core/errors.js';
import { syncDirectory, toStorageError } from './atomic-file.js';
import { baseDirectories, type BasePaths } from './base-paths.js';
import type { Identity } from './identity.js';
import { makeDirectories } from './make-directories.js';

const PRIVATE = 0o700;

/**
 * Makes the base directory and what it holds, private. One that is there must belong to the service user: whoever owns
 * it could put a certificate or a binary of their own into it.
 * @throws SupervisorError STORAGE_FORBIDDEN, DISK_FULL, …
 */
export async function createBaseDirectory(paths: BasePaths, identity: Pick<Identity, 'uid' | 'name'>): Promise<void> {
  await createPrivateDirectory(paths.baseDir, identity);
  for (const directory of baseDirectories(paths)) await createPrivateDirectory(directory, identity);
  await syncDirectory(paths.baseDir);
}

/** One directory, with its parents where they are missing: 0700, and of this user. */
export async function createPrivateDirectory(directory: string, identity: Pick<Identity, 'uid' | 'name'>): Promise<void> {
  const found = await make(directory);
  if (!found.isDirectory()) throw new SupervisorError('STORAGE_FORBIDDEN', `${directory} is not a directory`, { hint: 'Move it away, or name another with --base-dir.' });
  if (found.uid !== identity.uid) {
    throw new SupervisorError('STORAGE_FORBIDDEN', `${directory} belongs to uid ${found.uid} and not to ${identity.name} (uid ${identity.uid})`, {
      hint: `Give it back with \`chown -R ${identity.name} ${directory}\`, or name another with --base-dir.`,
    });
  }
  if ((found.mode & 0o077) !== 0) await chmod(directory, PRIVATE).catch((error: unknown) => { throw toStorageError(error, directory, 'make private'); });
}

async function make(directory: string): Promise<Stats> {
  try {
    makeDirectories(directory, PRIVATE);
    return await stat(directory);
  } catch (error) {
    // EEXIST: a file is in the way; said by the caller, who sees what it is.
    const inTheWay = await stat(directory).catch(() => undefined);
    if (inTheWay !== undefined) return inTheWay;
    throw toStorageError(error, directory, 'create');
  }
}
