import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from './machine.js';

/** What in this directory of a machine does not belong to the uid: nothing, whoever ran what. */
export function foreignFiles(machine: Machine, directory: string, uid: number): readonly string[] {
  const top = join(machine.root, directory);
  return [top, ...readdirSync(top, { recursive: true, encoding: 'utf8' }).map((path) => join(top, path))].filter((path) => {
    const found = lstatSync(path, { throwIfNoEntry: false });
    return found !== undefined && (found.uid !== uid || found.gid !== uid);
  });
}
