import type { Clock } from '../core/clock.js';
import { DeadlineReached, withDeadline } from '../core/deadline.js';
import { SupervisorError, type ErrorCode } from '../core/errors.js';
import type { IngressRule } from '../core/ingress.js';
import type { ConnectorHandle, Connectors } from './ports.js';

/** A connector and the rules that it should run; undefined where nobody knows them any more. */
export interface Expected {
  readonly handle: ConnectorHandle;
  readonly ingress: readonly IngressRule[] | undefined;
}

/** A connector that serves answers at once. */
const LOOK_MS = 2_000;

/** What the edge's being away looks like. */
const AWAY: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['CONNECTOR_NOT_READY', 'CONNECTOR_LOST', 'EDGE_UNREACHABLE', 'RESOLVER_DEAD']);

/**
 * Whether a failure to get ready may be passed over: it is the edge that is away, and none of the others serves either, so
 * that there is nothing to lose. Who only takes rules away need not wait until Cloudflare is back.
 */
export async function mayGoUnproven(failure: unknown, others: readonly Expected[], { connectors, clock, signal }: { readonly connectors: Pick<Connectors, 'verify'>; readonly clock: Clock; readonly signal: AbortSignal }): Promise<boolean> {
  const isAway = failure instanceof DeadlineReached || (failure instanceof SupervisorError && AWAY.has(failure.code));
  if (!isAway || signal.aborted) return false;
  const serving = await Promise.all(others.map((other) => serves(other, connectors, clock, signal)));
  return !signal.aborted && !serving.includes(true);
}

/** One that is ready and runs other rules than we think serves too; of one that we know nothing of we assume it. */
async function serves({ handle, ingress }: Expected, connectors: Pick<Connectors, 'verify'>, clock: Clock, signal: AbortSignal): Promise<boolean> {
  if (ingress === undefined) return true;
  try {
    await withDeadline(clock, LOOK_MS, signal, (either) => connectors.verify(handle, ingress, either));
    return true;
  } catch (error) {
    return error instanceof SupervisorError && error.code === 'CONNECTOR_MISMATCH';
  }
}
