import type { Stats } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf, toStorageError } from '../../host/storage-error.js';
import { fail, failWith, note, pass, type Check } from '../check.js';
import type { DoctorScope } from '../scope.js';

const NAME = 'base-directory';

/** Where everything is kept: it must be the service user's, private, and writable. */
export async function checkBaseDirectory({ places, identity }: Pick<DoctorScope, 'places' | 'identity'>): Promise<Check> {
  const { baseDir } = places;
  let found: Stats;
  try {
    found = await stat(baseDir);
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? await checkParent(baseDir) : failWith(NAME, toStorageError(error, baseDir, 'look at'));
  }
  const { uid, mode } = found;
  if (!found.isDirectory()) return fail(NAME, 'STORAGE_FORBIDDEN', `${baseDir} is not a directory.`, 'Move it away, or name another with --base-dir.');
  if (uid !== identity.uid) return fail(NAME, 'STORAGE_FORBIDDEN', `${baseDir} belongs to uid ${uid}, and not to ${identity.name}.`, `Give it back with \`chown -R ${identity.name} ${baseDir}\`.`);
  const refusal = await access(baseDir, constants.R_OK | constants.W_OK | constants.X_OK).then(() => undefined, errnoOf);
  if (refusal === 'EROFS') return fail(NAME, 'STORAGE_READONLY', `${baseDir} is on a file system that is read-only.`);
  if (refusal !== undefined) return fail(NAME, 'STORAGE_FORBIDDEN', `${baseDir} cannot be written to by ${identity.name} (${refusal}).`);
  if ((mode & 0o077) !== 0) return note(NAME, 'STORAGE_OPEN', `${baseDir} can be entered by others (mode ${(mode & 0o777).toString(8)}).`, 'The daemon makes it private when it starts; `chmod 0700` does it now.');
  return pass(NAME, `${baseDir}, of ${identity.name}, private and writable`);
}

/** It is made at the first start, if the user may. */
async function checkParent(baseDir: string): Promise<Check> {
  for (let parent = dirname(baseDir); ; parent = dirname(parent)) {
    const refusal = await access(parent, constants.W_OK | constants.X_OK).then(() => undefined, (error: unknown) => errnoOf(error) ?? 'unknown reason');
    if (refusal === undefined) return pass(NAME, `${baseDir} is made at the first start`);
    if (refusal !== 'ENOENT' || parent === dirname(parent)) return fail(NAME, refusal === 'EROFS' ? 'STORAGE_READONLY' : 'STORAGE_FORBIDDEN', `${baseDir} cannot be made: ${parent} is not writable (${refusal}).`);
  }
}
