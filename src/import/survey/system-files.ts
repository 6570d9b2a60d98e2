import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { toSupervisorError, type SupervisorError } from '../../core/errors.js';
import { runAsUser, type UserIds } from '../../host/as-user.js';
import { builtFile } from '../../host/package-files.js';
import { runPrivileged } from '../../host/privileged.js';
import { findSystemProgram } from '../../host/system-program.js';
import type { Authority } from '../findings.js';
import { isForbidden, LARGEST_BYTES, readBounded, type BoundedReading } from './bounded-file.js';
import type { FileReading, SurveyFiles } from './ports.js';
import type { UserQuestion } from './read-as-user.js';

export interface SystemFilesOptions {
  /** `/`; a prepared tree in tests. */
  readonly root: string;
  /** The service user. */
  readonly user: UserIds;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const READ_TIMEOUT_MS = 10_000;

/** Each file is read once. Where root is needed and refused, nobody is asked again. */
export function createSystemFiles({ root, user, env }: SystemFilesOptions): SurveyFiles {
  const seen = new Map<string, Promise<FileReading>>();
  const isRoot = process.geteuid?.() === 0;
  let refusal: SupervisorError | undefined;

  const readAsRoot = async (path: string): Promise<BoundedReading | SupervisorError> => {
    const direct = await readBounded(join(root, path));
    if (direct.kind !== 'forbidden' || isRoot) return direct;
    const cat = findSystemProgram('cat');
    if (refusal !== undefined || cat === undefined) return refusal ?? direct;
    try {
      const { stdout } = await runPrivileged([cat, '--', join(root, path)], { timeoutMs: READ_TIMEOUT_MS, env });
      if (stdout.length > LARGEST_BYTES) return { kind: 'unusable', problem: `it is larger than ${LARGEST_BYTES} bytes` };
      return { kind: 'read', text: stdout, ownerUid: undefined };
    } catch (thrown) {
      const error = toSupervisorError(thrown);
      if (error.code === 'PRIVILEGED_COMMAND_FAILED' && /No such file|Not a directory/i.test(error.message)) return { kind: 'absent' };
      if (error.code.startsWith('PRIVILEGE_')) refusal = error;
      return error;
    }
  };

  const isForOthers = isRoot && user.uid !== 0;
  const askUser = async (question: UserQuestion): Promise<unknown> => await runAsUser(user, builtFile('import/survey/read-as-user'), question, { timeoutMs: READ_TIMEOUT_MS });

  const readAs: Readonly<Record<Authority, (path: string) => Promise<BoundedReading | SupervisorError>>> = {
    root: readAsRoot,
    user: async (path) => (isForOthers ? ((await askUser({ ask: 'read', path: join(root, path) })) as BoundedReading) : readBounded(join(root, path))),
  };

  return {
    read: async (path, authority) => {
      const key = `${authority} ${path}`;
      const reading = seen.get(key) ?? readAs[authority](path).then((result) => toReading(path, { authority, user, isForOthers }, result));
      seen.set(key, reading);
      return reading;
    },
    peek: async (path) => toReading(path, { authority: 'user', user, isForOthers }, await readBounded(join(root, path))),
    isForbidden: async (path) => (isForOthers ? (await askUser({ ask: 'is-forbidden', path: join(root, path) })) === true : isForbidden(join(root, path))),
    list: (directory) => {
      try {
        return readdirSync(join(root, directory)).toSorted();
      } catch {
        return []; // Not there, or not ours to look into: then its files are not found, as if there were none.
      }
    },
    readLink: (path) => {
      try {
        return readlinkSync(join(root, path));
      } catch {
        return undefined; // No link, or not there.
      }
    },
  };
}

interface Asker {
  readonly authority: Authority;
  readonly user: UserIds;
  readonly isForOthers: boolean;
}

function toReading(path: string, { authority, user, isForOthers }: Asker, result: BoundedReading | SupervisorError): FileReading {
  // Which process it is changes, so allowing the one command would not help.
  const asRoot = `Run this command as root: by sudo it is for ${user.name} all the same, else with --user ${user.name}.`;
  if (result instanceof Error) return { kind: 'refused', why: { path, code: result.code, message: result.message, hint: result.code.startsWith('PRIVILEGE_') ? asRoot : result.hint } };
  if (result.kind === 'read') return { kind: 'read', text: result.text, isOthers: isForOthers && result.ownerUid !== 0 };
  if (result.kind === 'absent') return { kind: 'absent' };
  if (result.kind === 'unusable') return { kind: 'refused', why: { path, code: 'STORAGE_FAILED', message: `${path} cannot be used: ${result.problem}`, hint: 'Look at the file.' } };
  const hint = authority === 'user' ? 'It is named by something that is not root\'s, so root is not asked for it: give the service user the right to read it, or run this as its owner.' : asRoot;
  return { kind: 'refused', why: { path, code: 'STORAGE_FORBIDDEN', message: `${path} cannot be read by ${user.name}`, hint } };
}
