import { detectInitSystem } from '../../host/init-system.js';
import { findUnit } from '../../service/units.js';
import type { RunCommand } from '../command.js';
import { createDaemonPort, readOwner, readScope } from './service-target.js';

export const run: RunCommand = async (context) => {
  const { output } = context;
  const owner = await readOwner(context);
  const unit = findUnit(owner, readScope(context));
  const serving = (await (await createDaemonPort(context)).whoServes()) ?? null;
  const init = detectInitSystem();
  if (unit === undefined) {
    output.value({ installed: false, init, serving });
    output.line(`No unit of ours is installed for ${owner.user.name} (init system: ${init}).`);
    output.line(serving === null ? 'No daemon serves.' : `A daemon serves without one (pid ${String(serving.pid)}).`);
    return 0;
  }
  const { driver, marker } = unit;
  const { active, enabled, pid = null, detail } = await driver.readState();
  output.value({ installed: true, init: driver.init, scope: driver.scope, unit: driver.unitFile, user: marker.user, baseDir: marker.baseDir, hardening: marker.hardening, active, enabled, pid, detail, serving });
  output.line(`unit       ${driver.unitFile} (${driver.init}, ${driver.scope}, hardening: ${marker.hardening})`);
  output.line(`state      ${detail}, ${enabled ? 'starts at boot' : 'does not start at boot'}`);
  output.line(`daemon     ${serving === null ? 'none serves' : `pid ${String(serving.pid)}${serving.pid === pid ? '' : ', not of the unit'}`}`);
  output.line(`log        ${driver.logCommand}`);
  return 0;
};
