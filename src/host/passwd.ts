import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { SYSTEM_PATH } from './child-environment.js';

/** One line of the passwd database. */
export interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** `getent` asks LDAP and others, which may hang. */
const GETENT_TIMEOUT_MS = 5_000;

/** The entry of a user name; a number that is no name is taken as a uid. */
export function findUser(user: string): PasswdEntry | undefined {
  const byName = lookUp(user, (entry) => entry.name === user);
  return byName ?? (/^\d{1,10}$/.test(user) ? findUid(Number(user)) : undefined);
}

export function findUid(uid: number): PasswdEntry | undefined {
  return lookUp(String(uid), (entry) => entry.uid === uid);
}

/** /etc/passwd first, because it costs nothing; then whatever else the system keeps its users in. */
function lookUp(key: string, matches: (entry: PasswdEntry) => boolean): PasswdEntry | undefined {
  // Beginning with a dash it would be an option of getent, and no user is called so.
  if (key.startsWith('-')) return undefined;
  return parsePasswd(readPasswdFile()).find(matches) ?? parsePasswd(askGetent(key)).find(matches);
}

function readPasswdFile(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8');
  } catch {
    // A container without the file: getent is asked, and knows nobody either.
    return '';
  }
}

function askGetent(key: string): string {
  const { stdout, status } = spawnSync('getent', ['passwd', key], {
    encoding: 'utf8',
    timeout: GETENT_TIMEOUT_MS,
    env: { PATH: SYSTEM_PATH, LANG: 'C' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return status === 0 ? stdout : '';
}

/** Lines that are none (NIS `+`, comments, too few fields) are left out. */
export function parsePasswd(text: string): PasswdEntry[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , uid = '', gid = '', , home = ''] = line.split(':');
    if (name === '' || name.startsWith('#') || !/^\d+$/.test(uid) || !/^\d+$/.test(gid) || !home.startsWith('/')) return [];
    return [{ name, uid: Number(uid), gid: Number(gid), home }];
  });
}
