import { SupervisorError } from '../core/errors.js';
import type { Environment } from './child-environment.js';
import { findUid, findUser, type PasswdEntry } from './passwd.js';

/** The service user: everything follows from it. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** The uid as text where it has no passwd entry. */
  readonly name: string;
  /** From the passwd database, never from HOME; undefined where the uid has no entry (both directories are given then). */
  readonly home: string | undefined;
  /** `--user`, the user behind sudo or doas, or the user that this process runs as. */
  readonly chosenBy: 'option' | 'sudo' | 'process';
}

export interface IdentityRequest {
  /** The value of `--user`. */
  readonly user?: string | undefined;
  readonly env: Environment;
  /** The command needs root itself: under sudo it works for root. */
  readonly needsRoot?: boolean;
  /** `--base-dir` and `--state-dir` are both given, so that a home is not needed. */
  readonly directoriesGiven?: boolean;
  /** For tests; else of this process. */
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Decides whom we work for. Changes nothing: `becomeUser` (as-user.ts) does.
 * @throws SupervisorError IDENTITY_UNKNOWN, IDENTITY_FORBIDDEN
 */
export function resolveIdentity(request: IdentityRequest): Identity {
  const uid = request.uid ?? process.geteuid?.() ?? 0;
  const gid = request.gid ?? process.getegid?.() ?? 0;
  if (request.user !== undefined) return named(request.user, uid);
  if (uid === 0 && request.needsRoot !== true) {
    const invoking = invokingUser(request.env);
    if (invoking !== undefined) return { ...invoking, chosenBy: 'sudo' };
  }
  const entry = findUid(uid);
  if (entry !== undefined) return { ...entry, gid, chosenBy: 'process' };
  if (request.directoriesGiven === true) return { uid, gid, name: String(uid), home: undefined, chosenBy: 'process' };
  throw new SupervisorError('IDENTITY_UNKNOWN', `uid ${uid} has no entry in the passwd database, so there is no home to work in: --base-dir and --state-dir are both required`);
}

function named(user: string, uid: number): Identity {
  const entry = findUser(user);
  if (entry === undefined) throw new SupervisorError('IDENTITY_UNKNOWN', `there is no user "${user}" in the passwd database`, { hint: 'Name a user that exists with --user.' });
  if (uid !== 0 && uid !== entry.uid) throw new SupervisorError('IDENTITY_FORBIDDEN', `this process runs as uid ${uid} and cannot work for "${entry.name}" (uid ${entry.uid})`);
  return { ...entry, chosenBy: 'option' };
}

/**
 * Who typed sudo or doas. Only looked at as root: the variables of anybody else say nothing. An invoking user that
 * cannot be found is an error, since working for root instead would leave root's files where nobody expects them.
 */
function invokingUser(env: Environment): PasswdEntry | undefined {
  const sudoUid = env['SUDO_UID'];
  const name = env['SUDO_USER'] ?? env['DOAS_USER'];
  const byUid = sudoUid !== undefined && /^\d{1,10}$/.test(sudoUid);
  if (!byUid && (name === undefined || name === '')) return undefined;
  const entry = byUid ? findUid(Number(sudoUid)) : findUser(name ?? '');
  if (entry === undefined)
    throw new SupervisorError('IDENTITY_UNKNOWN', `the user behind sudo (${name ?? sudoUid ?? ''}) has no entry in the passwd database`, { hint: 'Name the service user with --user.' });
  return entry;
}

/** Whether the daemon works for root because nobody said otherwise: allowed (a Proxmox host), and worth one warning. */
export const worksForRoot = (identity: Identity): boolean => identity.uid === 0 && identity.chosenBy === 'process';
