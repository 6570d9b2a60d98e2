import { removeService } from '../../service/install-service.js';
import { requireUnit } from '../../service/units.js';
import type { RunCommand } from '../command.js';
import { printDriven, printSteps } from './service-printer.js';
import { createDaemonPort, readOwner, readScope, readSpec } from './service-target.js';

export const run: RunCommand = async (context) => {
  const spec = await readSpec(context);
  const { driver } = requireUnit(await readOwner(context), readScope(context));
  if (context.options.flag('dry-run')) {
    printSteps(context, [...driver.stop(spec), ...driver.remove()]);
    return 0;
  }
  printDriven(context, await removeService(driver, spec, await createDaemonPort(context)), `${driver.unitFile} is stopped and removed; \`up\` serves without it.`);
  return 0;
};
