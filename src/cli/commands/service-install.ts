import { SupervisorError, toSupervisorError } from '../../core/errors.js';
import type { InitDriver } from '../../service/driver.js';
import { installService, planInstall } from '../../service/install-service.js';
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
  const { serving, hardening, warnings } = await installService(driver, spec, await createDaemonPort(context)).catch((error: unknown) => {
    throw withRemedy(driver, error);
  });
  output.value({ installed: true, init: driver.init, scope: driver.scope, unit: driver.unitFile, user: spec.user.name, hardening, serving: serving ?? null, warnings });
  output.warn(warnings);
  output.line(`${driver.unitFile} is installed and runs for ${spec.user.name}${serving === undefined ? '' : ` (pid ${String(serving.pid)})`}; it ${(await driver.readState()).enabled ? 'starts' : 'does not start'} at boot.`);
  output.line(`Its log: ${driver.logCommand}`);
  return 0;
};

/** Whom the machine's systemd is closed to may have one of their own. */
function withRemedy({ init, scope }: InitDriver, thrown: unknown): SupervisorError {
  const error = toSupervisorError(thrown);
  if (!error.code.startsWith('PRIVILEGE_') || init !== 'systemd' || scope === 'user') return error;
  return new SupervisorError(error.code, error.message, { hint: `${error.hint} Or let your own systemd keep it: --scope user.`, problems: error.problems, cause: error });
}
