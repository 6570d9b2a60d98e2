import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes what is missing of a path, each with this mode. Not mkdir's own `recursive`, which never ends below /proc: there
 * no directory can be made, and it is said as if one above were missing.
 * @throws what mkdir says of the first that cannot be made: EEXIST where a file is in the way, EACCES, EROFS, ENOSPC, …
 */
export function makeDirectories(path: string, mode: number): void {
  if (isMade(path, mode)) return;
  makeDirectories(dirname(path), mode);
  mkdirIfMissing(path, mode);
}

/** False where something above it is missing. */
function isMade(path: string, mode: number): boolean {
  try {
    mkdirIfMissing(path, mode);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error;
    return false;
  }
}

function mkdirIfMissing(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  }
}
