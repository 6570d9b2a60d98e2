import { DeadlineReached, withDeadline } from '../core/deadline.js';
import type { Warning } from '../core/dns.js';
import { SupervisorError, toSupervisorError } from '../core/errors.js';
import type { ConnectorHandle } from '../forwarding/ports.js';
import { orAbandon } from '../transaction/abandon.js';
import type { Candidate, UpgradePorts } from './ports.js';

export interface Replaced {
  /** What became of the connector: `none` was there to be replaced. */
  readonly connector: 'replaced' | 'none';
  readonly warnings: readonly Warning[];
}

/**
 * Puts a connector of the new program beside the one that serves, on the same revision; once it is ready and shows our
 * rules, the program is put in place and the old connector retired. What fails until then is taken back: the old program
 * is still in place, and its connector serves. So there is nothing that a killed process would have to take back either:
 * the next start runs the program that is in place, with the old connector serving until the new one does.
 * In the writer's queue, since it changes which connector serves.
 * @throws SupervisorError UPGRADE_REVERTED, ROLLBACK_FAILED, DAEMON_STOPPING
 */
export async function replaceBinary(candidate: Candidate, ports: UpgradePorts, interrupt: AbortSignal): Promise<Replaced> {
  const { connectors } = ports;
  const revision = ports.revision();
  const serving = connectors.current();
  if (revision === undefined) {
    await candidate.place();
    return { connector: 'none', warnings: [] };
  }
  const { mode, warning = RESTARTED } = ports.chooseReplaceMode();
  const isRestart = mode === 'restart' && serving.length > 0;
  let started: ConnectorHandle | undefined;
  try {
    if (isRestart) await Promise.all(serving.map((handle) => connectors.stop(handle)));
    started = await connectors.start(revision, candidate.binary);
    await verify(started, revision, ports, interrupt);
    await candidate.place();
  } catch (error) {
    throw await takeBack(toSupervisorError(error), { started, revision, isRestart, version: candidate.binary.version }, ports, interrupt);
  }
  connectors.prefer(started);
  return { connector: 'replaced', warnings: [...(isRestart ? [warning] : []), ...(await retireAll(serving, ports, interrupt))] };
}

const RESTARTED: Warning = { code: 'REPLACED_BY_RESTART', message: 'The connector was stopped before the new one was started, as chosen: requests in between were lost.' };

async function verify(handle: ConnectorHandle, revision: number, { connectors, clock, verifyTimeoutMs, expectedIngress }: UpgradePorts, interrupt: AbortSignal): Promise<void> {
  const expected = await expectedIngress(revision);
  await withDeadline(clock, verifyTimeoutMs, interrupt, (signal) => connectors.verify(handle, expected, signal)).catch((error: unknown) => {
    throw error instanceof DeadlineReached ? new SupervisorError('CONNECTOR_NOT_READY', `its connector was not ready within ${error.afterMs / 1000} s`, { cause: error }) : error;
  });
}

interface Attempt {
  readonly started: ConnectorHandle | undefined;
  readonly revision: number;
  readonly isRestart: boolean;
  readonly version: string;
}

/** Whatever was done is undone, under a deadline of its own; the error says what became of it. */
async function takeBack(error: SupervisorError, { started, revision, isRestart, version }: Attempt, { connectors, clock, undoTimeoutMs }: UpgradePorts, interrupt: AbortSignal): Promise<SupervisorError> {
  try {
    if (started !== undefined) await withDeadline(clock, undoTimeoutMs, undefined, (signal) => orAbandon(signal, connectors.retire(started)));
    if (isRestart) connectors.promote(revision);
  } catch (failure) {
    return new SupervisorError('ROLLBACK_FAILED', `cloudflared ${version} did not serve: ${error.message} Taking it back failed too: ${toSupervisorError(failure).message}`, { cause: error });
  }
  if (interrupt.aborted) return new SupervisorError('DAEMON_STOPPING', 'The daemon stopped during the upgrade; the cloudflared before stays.', { cause: error });
  const { code, message } = error;
  return new SupervisorError('UPGRADE_REVERTED', `cloudflared ${version} did not serve, and was taken back: ${message}`, { problems: [{ code, message }], cause: error });
}

/**
 * What of the old ones does not end is said, and is no failure. The new one, proven, may have ended since and is started
 * again then: until it serves they do. Where the daemon stops meanwhile they end with all the others.
 */
async function retireAll(handles: readonly ConnectorHandle[], { connectors, clock, successorTimeoutMs }: UpgradePorts, interrupt: AbortSignal): Promise<readonly Warning[]> {
  if (handles.length === 0) return [];
  await withDeadline(clock, successorTimeoutMs, interrupt, (signal) => connectors.awaitSuccessor(handles, signal)).catch((error: unknown) => {
    if (!interrupt.aborted && !(error instanceof DeadlineReached)) throw error;
  });
  if (interrupt.aborted) return [];
  const ends = await Promise.allSettled(handles.map((handle) => connectors.retire(handle)));
  return ends.flatMap((end) => (end.status === 'rejected' ? [toWarning(end.reason)] : []));
}

function toWarning(reason: unknown): Warning {
  const { code, message } = toSupervisorError(reason);
  return { code, message };
}
