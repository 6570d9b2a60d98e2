import { findBinary } from '../../cloudflared/find.js';
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
    return failWith(NAME, error);
  }
}
