import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { SupervisorError } from '../core/errors.js';
import { SYSTEM_PATH } from '../host/child-environment.js';

/**
 * The absolute path of one of the system's programs: never of one that the user has put in its place, since it is to
 * run as root, and so that sudoers can allow it alone. `root` is where to look, for tests.
 * @throws SupervisorError SERVICE_FAILED
 */
export function findSystemProgram(name: string, root = '/'): string {
  const found = SYSTEM_PATH.split(':').map((directory) => join(directory, name)).find((path) => isExecutable(join(root, path)));
  if (found === undefined) throw new SupervisorError('SERVICE_FAILED', `this machine has no program ${name} in ${SYSTEM_PATH}`);
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // Not there, or not a program: the next directory.
  }
}
