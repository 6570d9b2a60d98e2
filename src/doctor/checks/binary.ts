import { SupervisorError, toSupervisorError } from '../../core/errors.js';
import { findBinary, inspectBinary } from '../../cloudflared/find.js';
import { failWith, note, pass, type Check } from '../check.js';
import type { DoctorScope } from '../scope.js';

const NAME = 'cloudflared';

/** Found, runs, and new enough; and whether it is the one that the daemon has found. */
export async function checkBinary({ search, status }: Pick<DoctorScope, 'search' | 'status'>): Promise<Check> {
  try {
    const { path, version } = await findBinary(search);
    const used = status?.daemon.cloudflared ?? undefined;
    if (used !== undefined && (used.path !== path || used.version !== version)) {
      return note(NAME, 'BINARY_NOT_TAKEN_UP', `${path} is version ${version}; the daemon runs ${used.path}, version ${used.version}.`, '`upgrade` takes up what was put in place beside a daemon; else it was given other options or another PATH.');
    }
    return pass(NAME, `${path}, version ${version}`);
  } catch (error) {
    const used = status?.daemon.cloudflared ?? undefined;
    if (used !== undefined && !(await inspectBinary(used.path, search.env) instanceof SupervisorError)) return note(NAME, toSupervisorError(error).code, `The daemon runs ${used.path}, version ${used.version}; from here: ${toSupervisorError(error).message}`, 'The daemon was given other options or another PATH; give them here too to have its cloudflared checked.');
    return failWith(NAME, error);
  }
}
