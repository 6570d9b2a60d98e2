import { stopService } from '../../service/drive-service.js';
import { findUnit } from '../../service/units.js';
import type { RunCommand } from '../command.js';
import { createDaemonPort, readOwner, readSpec } from './service-target.js';

export const run: RunCommand = async (context) => {
  const { output } = context;
  const daemon = await createDaemonPort(context);
  const serving = await daemon.whoServes();
  if (serving === undefined) {
    output.value({ stopped: false, pid: null });
    output.line('No daemon was running.');
    return 0;
  }
  const unit = findUnit(await readOwner(context));
  // Through the init system where that would start it again at once.
  if (unit?.driver.respawnsAlways === true && (await unit.driver.readState()).pid === serving.pid) await stopService(unit.driver, await readSpec(context), daemon);
  else await daemon.stop(serving.pid);
  output.value({ stopped: true, pid: serving.pid });
  output.line(`The daemon (pid ${String(serving.pid)}) has stopped.`);
  return 0;
};
