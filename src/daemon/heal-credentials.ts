import type { Clock } from '../core/clock.js';
import { withDeadline } from '../core/deadline.js';
import { toSupervisorError } from '../core/errors.js';
import type { SupervisorEvent } from '../core/events.js';
import type { TunnelCredentials, TunnelIdentity } from '../core/tunnel.js';
import type { Logger } from '../host/logging.js';

export interface HealingParts {
  readonly tunnel: () => TunnelIdentity | undefined;
  /** Undefined where there is no certificate, or no such tunnel any more. */
  readonly fetch: (tunnelId: string, signal: AbortSignal) => Promise<TunnelCredentials | undefined>;
  readonly write: (credentials: TunnelCredentials) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const FETCH_TIMEOUT_MS = 60_000;
/** A tunnel whose right credentials are refused all the same is not asked for all the time. */
const PAUSE_MS = 60_000;

/**
 * Credentials that are lost or wrong are fetched again. Nothing has to be told to the connector: it looks at the file,
 * and starts when that has changed.
 */
export function createCredentialsHealer({ tunnel, fetch, write, clock, logger }: HealingParts): (event: SupervisorEvent) => void {
  let notBefore = Number.NEGATIVE_INFINITY;

  const heal = async (tunnelId: string): Promise<void> => {
    try {
      const credentials = await withDeadline(clock, FETCH_TIMEOUT_MS, undefined, (signal) => fetch(tunnelId, signal));
      if (credentials === undefined) return;
      await write(credentials);
      logger.info({ tunnelId }, 'the credentials of the tunnel were fetched again');
    } catch (error) {
      logger.warn({ tunnelId, error: toSupervisorError(error).toBody() }, 'the credentials of the tunnel could not be fetched again');
    }
  };

  return (event) => {
    if (event.type !== 'connector.failed' || !['CREDENTIALS_MISSING', 'CREDENTIALS_REFUSED'].includes(event.data.error.code)) return;
    const identity = tunnel();
    if (identity === undefined || clock.monotonic() < notBefore) return;
    notBefore = clock.monotonic() + PAUSE_MS;
    void heal(identity.id);
  };
}
