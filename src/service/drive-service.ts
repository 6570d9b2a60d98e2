import { SupervisorError, toSupervisorError } from '../core/errors.js';
import type { UserIds } from '../host/as-user.js';
import { carryOut, runForUser, type StepWarning } from './carry-out.js';
import type { InitDriver, UnitState } from './driver.js';
import type { DaemonPort, Serving } from './ports.js';
import type { ServiceSpec } from './service-spec.js';

/** From the unit's start to the daemon's socket: OpenRC does not wait for it. */
const SERVE_TIMEOUT_MS = 30_000;
/** In which the init system starts a daemon again that handed over, by itself. */
const RESTART_TIMEOUT_MS = 6_000;
const SWEEP_MARGIN_MS = 60_000;

export interface Driven {
  readonly serving: Serving | undefined;
  readonly warnings: readonly StepWarning[];
}

/**
 * The unit and what drives it. A daemon that serves without the unit hands over to the unit's: nobody notices.
 * @throws SupervisorError PRIVILEGE_*, SERVICE_FAILED, …
 */
export async function startService(driver: InitDriver, user: UserIds, daemon: DaemonPort): Promise<Driven> {
  const state = await driver.readState();
  const serving = await daemon.whoServes();
  if (serving !== undefined && isOf(state, serving)) return { serving, warnings: [] };
  return await startUnit(driver, user, daemon, serving);
}

/** Through a handover, so that no request is lost; where nobody serves it is a start. */
export async function restartService(driver: InitDriver, user: UserIds, daemon: DaemonPort): Promise<Driven> {
  const state = await driver.readState();
  const serving = await daemon.whoServes();
  if (serving === undefined || !isOf(state, serving)) return await startUnit(driver, user, daemon, serving);
  await daemon.handOver(serving.pid);
  // The init system does it, without rights of ours.
  const next = await daemon.awaitServing(RESTART_TIMEOUT_MS);
  return next === undefined ? await startUnit(driver, user, daemon, undefined) : { serving: next, warnings: [] };
}

/** The unit stops, and so does a daemon that serves without it; connectors that are left all the same are ended. */
export async function stopService(driver: InitDriver, spec: Pick<ServiceSpec, 'user' | 'node' | 'program' | 'placeArguments' | 'gracePeriodMs'>, daemon: DaemonPort): Promise<Driven> {
  const warnings = await carryOut(driver.stop(spec), spec.user);
  const left = await daemon.whoServes();
  if (left !== undefined) await daemon.stop(left.pid);
  const { exitCode, stderr } = await runForUser(spec.user, [spec.node, spec.program, 'service', 'sweep', ...spec.placeArguments], spec.gracePeriodMs + SWEEP_MARGIN_MS);
  if (exitCode !== 0) throw new SupervisorError('SERVICE_FAILED', `The unit is stopped, but connectors may be left: ${stderr.trim()}`);
  return { serving: undefined, warnings };
}

async function startUnit(driver: InitDriver, user: UserIds, daemon: DaemonPort, serving: Serving | undefined): Promise<Driven> {
  if (serving !== undefined) await daemon.handOver(serving.pid);
  try {
    const warnings = await carryOut(driver.start(await driver.readState()), user);
    const next = await daemon.awaitServing(SERVE_TIMEOUT_MS);
    if (next === undefined) throw new SupervisorError('SERVICE_FAILED', 'The unit is started, but no daemon serves');
    return { serving: next, warnings };
  } catch (error) {
    // Who served before serves again.
    if (serving !== undefined) await daemon.startInBackground();
    throw await explain(driver, error);
  }
}

/** Whether it is the unit's daemon that serves. */
const isOf = (state: UnitState, serving: Serving): boolean => state.active === 'active' && state.pid === serving.pid;

/** What the init system says of a failed start tells nothing; its state does. */
async function explain(driver: InitDriver, error: unknown): Promise<SupervisorError> {
  const failure = toSupervisorError(error);
  if (failure.code !== 'PRIVILEGED_COMMAND_FAILED' && failure.code !== 'SERVICE_FAILED') return failure;
  const { detail } = await driver.readState();
  return new SupervisorError('SERVICE_FAILED', `${driver.unitFile} does not serve (${detail}): ${failure.message}`, { hint: `See \`${driver.logCommand}\`.`, cause: failure });
}
