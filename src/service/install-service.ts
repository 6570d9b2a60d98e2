import { SupervisorError } from '../core/errors.js';
import { carryOut, runForUser, type StepWarning } from './carry-out.js';
import { restartService, stopService, type Driven } from './drive-service.js';
import type { InitDriver } from './driver.js';
import type { DaemonPort } from './ports.js';
import type { ServiceSpec } from './service-spec.js';
import type { Step } from './steps.js';
import { refuseForeignUnit } from './units.js';

const VERSION_TIMEOUT_MS = 20_000;

/** What installing would do, with the best hardening. */
export async function planInstall(driver: InitDriver, spec: ServiceSpec): Promise<readonly Step[]> {
  refuseForeignUnit(driver, spec);
  return [...(await driver.install(spec, driver.hardenings[0] ?? 'none')), ...driver.start(await driver.readState())];
}

/**
 * Writes the unit, enables it and starts it; once more over one that is there. Where the machine cannot set up the
 * hardening that the unit asks for (as in an unprivileged container), the next weaker one is taken, and it is said.
 * @throws SupervisorError SERVICE_FOREIGN, SERVICE_FAILED, PRIVILEGE_*, STORAGE_*
 */
export async function installService(driver: InitDriver, spec: ServiceSpec, daemon: DaemonPort): Promise<Driven & { readonly hardening: string }> {
  refuseForeignUnit(driver, spec);
  await refuseUnreadableProgram(spec);
  const warnings: StepWarning[] = [];
  for (const hardening of driver.hardenings) {
    warnings.push(...(await carryOut(await driver.install(spec, hardening), spec.user)));
    try {
      const { serving, warnings: more } = await restartService(driver, spec.user, daemon);
      // What cannot be had for installing cannot be had for starting either: said once.
      return { serving, hardening, warnings: [...warnings, ...more.filter(({ message }) => !warnings.some((one) => one.message === message))] };
    } catch (error) {
      const isLast = hardening === driver.hardenings.at(-1);
      const state = await driver.readState();
      if (isLast || !state.setUpFailed) throw error;
      warnings.push({ code: 'HARDENING_REDUCED', message: `This machine cannot set up the hardening "${hardening}" (${state.detail}); a weaker one is used.` });
    }
  }
  throw new SupervisorError('SERVICE_FAILED', 'No set of hardening is known for this init system');
}

/** Root's own Node, under nvm for instance, is no use to another user. */
async function refuseUnreadableProgram({ user, node, program }: ServiceSpec): Promise<void> {
  if (process.geteuid === undefined || process.geteuid() === user.uid) return;
  const { exitCode, stderr, startError } = await runForUser(user, [node, program, '--version'], VERSION_TIMEOUT_MS);
  if (exitCode === 0) return;
  const why = stderr.trim().split('\n').find((line) => line.includes('Error')) ?? startError ?? `exit code ${exitCode ?? 'unknown'}`;
  throw new SupervisorError('STORAGE_FORBIDDEN', `${user.name} cannot run \`${node} ${program}\`: ${why}`, { hint: `Install Node and this package where ${user.name} can read them, or run this command as ${user.name}.` });
}

/** Stops the daemon and its connectors, and takes the unit away. What is in the base directory stays. */
export async function removeService(driver: InitDriver, spec: ServiceSpec, daemon: DaemonPort): Promise<Driven> {
  const stopped = await stopService(driver, spec, daemon);
  return { serving: undefined, warnings: [...stopped.warnings, ...(await carryOut(driver.remove(), spec.user))] };
}

