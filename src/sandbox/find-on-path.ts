import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';

/** The first program of that name on PATH that we may run. Entries that are not absolute are not looked at. */
export async function findOnPath(name: string, path: string): Promise<string | undefined> {
  for (const directory of path.split(delimiter)) {
    const file = join(directory, name);
    if (isAbsolute(directory) && await access(file, constants.X_OK).then(() => true, () => false)) return file;
  }
  return undefined;
}
