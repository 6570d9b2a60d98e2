import { detectInitSystem, type InitSystem } from '../../host/init-system.js';
import { findUnit } from '../../service/units.js';
import { failWith, fail, note, pass, type Check } from '../check.js';
import type { DoctorScope } from '../scope.js';

const NAME = 'service';

/** Whether something starts the daemon after a boot. */
export async function checkInitSystem({ identity, places, status }: Pick<DoctorScope, 'identity' | 'places' | 'status'>, init: InitSystem = detectInitSystem(), find: typeof findUnit = findUnit): Promise<Check> {
  try {
    const unit = find({ user: identity, baseDir: places.baseDir }, undefined, init);
    if (unit === undefined) {
      const hint = init === 'none' ? 'Start `up` at boot, by cron or the entry point of the container.' : '`cloudflared-supervisor service install` makes one.';
      return note(NAME, 'SERVICE_MISSING', `No unit of ours is installed (init system: ${init}): nobody starts the daemon after a boot.`, hint);
    }
    const { unitFile } = unit.driver;
    const state = await unit.driver.readState();
    const isDown = state.active === 'failed' || state.active === 'inactive';
    if (status === undefined && isDown) return fail(NAME, 'SERVICE_FAILED', `${unitFile} is installed, and does not run: ${state.detail}.`, '`cloudflared-supervisor service start` starts it; its log says why it stopped.');
    if (!state.enabled) return note(NAME, 'SERVICE_NOT_ENABLED', `${unitFile} is not started at boot.`, '`cloudflared-supervisor service install` enables it.');
    return pass(NAME, `${unitFile} (${init}), ${state.detail}`);
  } catch (error) {
    return failWith(NAME, error);
  }
}
