import { stopService } from '../../service/drive-service.js';
import { requireUnit } from '../../service/units.js';
import type { RunCommand } from '../command.js';
import { printDriven, printSteps } from './service-printer.js';
import { createDaemonPort, readOwner, readScope, readSpec } from './service-target.js';

export const run: RunCommand = async (context) => {
  const spec = await readSpec(context);
  const { driver } = requireUnit(await readOwner(context), readScope(context));
  context.output.progress('Waiting for requests in flight …');
  if (context.options.flag('dry-run')) printSteps(context, driver.stop(spec));
  else printDriven(context, await stopService(driver, spec, await createDaemonPort(context)), `The service has stopped; it ${(await driver.readState()).enabled ? 'starts again' : 'does not start'} at boot.`);
  return 0;
};
