import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { SYSTEM_PATH } from './child-environment.js';

/**
 * The absolute path of one of the system's programs, never of one that a user has put in its place: it is to run as
 * root, and named so sudoers can allow it alone. Undefined where there is none. `root` is where to look, for tests.
 */
export function findSystemProgram(name: string, root = '/'): string | undefined {
  return SYSTEM_PATH.split(':').map((directory) => join(directory, name)).find((path) => isExecutable(join(root, path)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // Not there, or not a program: the next directory.
  }
}
