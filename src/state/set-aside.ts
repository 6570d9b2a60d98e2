import { readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { toIso } from '../core/clock.js';
import { isMissing, syncDirectory, toStorageError } from '../host/atomic-file.js';

/** How many files of one kind that were set aside are kept: they are for people, who look at the last one. */
const KEPT = 5;

/**
 * Moves a file out of the way under a name that says why and when: `<name>.<why>-20260101T000000000Z`.
 * Returns the new path; undefined where the file is gone already.
 */
export async function setAside(path: string, why: string, now: number): Promise<string | undefined> {
  const directory = dirname(path);
  const prefix = `${basename(path)}.${why}-`;
  const aside = join(directory, prefix + toIso(now).replaceAll(/[-:.]/g, ''));
  try {
    await rename(path, aside);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw toStorageError(error, path, 'set aside');
  }
  await removeOldest(directory, prefix);
  await syncDirectory(directory);
  return aside;
}

async function removeOldest(directory: string, prefix: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name.startsWith(prefix)).sort();
  for (const name of names.slice(0, -KEPT)) await rm(join(directory, name), { force: true, recursive: true });
}
