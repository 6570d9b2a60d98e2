import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.js';
import type { EventData } from '../core/events.js';
import type { BasePaths } from '../host/base-paths.js';
import { errnoOf, isMissing, toStorageError } from '../host/storage-error.js';
import { olderEventsPath } from './event-store.js';
import { setAside } from './set-aside.js';

const CREDENTIALS = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.json$/;

/**
 * Sets aside what is no file where one of ours is opened or written straight away: a directory, a FIFO, a socket, a
 * device, a link that leads nowhere but to itself. Documents, revisions and journals see to that themselves, since they
 * have something to put in its place. For a starting daemon that holds the lock; what was found is told when events can be.
 */
export async function clearObstacles(paths: BasePaths, clock: Clock): Promise<readonly EventData['document.restored'][]> {
  const { baseDir, pathsJson, eventsLog, answersLog, setupAsker, caBundle, noConfigYml, configYml, certPem } = paths;
  const names = await readdir(baseDir).catch((error: unknown) => {
    throw toStorageError(error, baseDir, 'read');
  });
  const credentials = names.filter((name) => CREDENTIALS.test(name)).map((name) => join(baseDir, name));
  const found: EventData['document.restored'][] = [];
  for (const file of [pathsJson, eventsLog, olderEventsPath(eventsLog), answersLog, setupAsker, caBundle, noConfigYml, configYml, certPem, ...credentials]) {
    if (!(await isObstacle(file))) continue;
    const aside = await setAside(file, 'corrupt', clock.now());
    found.push({ file, setAsideAs: aside ?? '', problem: 'it is not a file' });
  }
  return found;
}

async function isObstacle(path: string): Promise<boolean> {
  try {
    return !(await stat(path)).isFile();
  } catch (error) {
    // A link to what is not there is filled by whoever writes through it.
    if (isMissing(error)) return false;
    if (errnoOf(error) === 'ELOOP') return (await lstat(path)).isSymbolicLink();
    throw toStorageError(error, path, 'look at');
  }
}
