import { restartService } from '../../service/drive-service.js';
import { requireUnit } from '../../service/units.js';
import type { RunCommand } from '../command.js';
import { printDriven, printSteps } from './service-printer.js';
import { createDaemonPort, readOwner, readScope } from './service-target.js';

export const run: RunCommand = async (context) => {
  const owner = await readOwner(context);
  const { driver } = requireUnit(owner, readScope(context));
  if (context.options.flag('dry-run')) printSteps(context, driver.start(await driver.readState()));
  else printDriven(context, await restartService(driver, owner.user, await createDaemonPort(context)), 'The service runs');
  return 0;
};
