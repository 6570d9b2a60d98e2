import { accessSync, constants, statSync } from 'node:fs';
import { dirname, isAbsolute } from 'node:path';
import type { Environment } from './child-environment.js';
import { errnoOf } from './storage-error.js';

/**
 * The environment without an XDG_CONFIG_HOME that is somebody else's: `su` and `sudo -E` bring along the one of whoever
 * called them. It is ours where we could write there, and for root, who can write anywhere, where it is root's.
 */
export function keepOwnXdg(env: Environment, uid: number): Environment {
  const directory = env['XDG_CONFIG_HOME'];
  if (directory === undefined || !isAbsolute(directory) || isOurs(directory, uid)) return env;
  const { XDG_CONFIG_HOME: _, ...rest } = env;
  return rest;
}

/** Of what is there of it: the directory itself, or the one that it would be made in. */
function isOurs(directory: string, uid: number): boolean {
  try {
    if (statSync(directory).uid === uid) return true;
    if (uid === 0) return false;
    accessSync(directory, constants.W_OK);
    return true;
  } catch (error) {
    return errnoOf(error) === 'ENOENT' && directory !== dirname(directory) && isOurs(dirname(directory), uid);
  }
}
