import { planInstall, installService } from '../../service/install-service.js';
import { chooseDriver } from '../../service/units.js';
import type { RunCommand } from '../command.js';
import { printSteps } from './service-printer.js';
import { createDaemonPort, readOwner, readScope, readSpec } from './service-target.js';

export const run: RunCommand = async (context) => {
  const { output, options } = context;
  const spec = await readSpec(context);
  const driver = chooseDriver(await readOwner(context), readScope(context));
  if (options.flag('dry-run')) {
    printSteps(context, await planInstall(driver, spec));
    return 0;
  }
  output.progress('Installing …');
  const { serving, hardening, warnings } = await installService(driver, spec, await createDaemonPort(context));
  output.value({ installed: true, init: driver.init, scope: driver.scope, unit: driver.unitFile, user: spec.user.name, hardening, serving: serving ?? null, warnings });
  output.warn(warnings);
  output.line(`${driver.unitFile} is installed and runs for ${spec.user.name}${serving === undefined ? '' : ` (pid ${String(serving.pid)})`}; it starts at boot.`);
  output.line(`Its log: ${driver.logCommand}`);
  return 0;
};
