import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, pass, type Check } from '../check.js';
import type { DoctorScope } from '../scope.js';

const NAME = 'file-owners';
/** More than we ever have; so that somebody's huge directory in there does not hold us up. */
const MAX_ENTRIES = 20_000;
const SHOWN = 5;

/** A command that was run as root must not have left anything of root's where the service user works. */
export async function checkOwnership({ places, identity }: Pick<DoctorScope, 'places' | 'identity'>): Promise<Check> {
  const seen = { entries: 0 };
  const foreign: string[] = [];
  for (const directory of [places.baseDir, places.stateDir]) await visit(directory, identity.uid, seen, foreign);
  if (foreign.length === 0) return pass(NAME, `${seen.entries} files and directories, all of ${identity.name}`);
  const more = foreign.length > SHOWN ? ` and ${foreign.length - SHOWN} more` : '';
  return fail(NAME, 'FILES_FOREIGN', `${foreign.slice(0, SHOWN).join(', ')}${more} do not belong to ${identity.name}.`, `Give them back: \`chown -R ${identity.name} ${[places.baseDir, places.stateDir].join(' ')}\`.`);
}

async function visit(path: string, uid: number, seen: { entries: number }, foreign: string[]): Promise<void> {
  // What cannot be looked at is not there, or is said by the check of the base directory.
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined || seen.entries >= MAX_ENTRIES) return;
  seen.entries += 1;
  if (found.uid !== uid) foreign.push(path);
  if (!found.isDirectory()) return;
  for (const name of await readdir(path).catch(() => [])) await visit(join(path, name), uid, seen, foreign);
}
