import type { CloudflareDnsRecords } from '../cloudflare/dns-records.js';
import type { Clock, Random } from '../core/clock.js';
import { withDeadline } from '../core/deadline.js';
import { toSupervisorError } from '../core/errors.js';
import type { TunnelIdentity } from '../core/tunnel.js';
import type { Logger } from '../host/logging.js';
import { NO_ZONE } from '../setup/no-zone.js';

export interface DriftParts {
  readonly dns: Pick<CloudflareDnsRecords, 'checkDrift' | 'removeOwedElsewhere'>;
  readonly tunnel: () => TunnelIdentity | undefined;
  /** After owed removals are done: certificates of zones we left may not be needed any more. */
  readonly onChecked: () => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const DRIFT_INTERVAL_MS = 300_000;
const CHECK_TIMEOUT_MS = 120_000;

/** Looks for drift of our DNS records now and every few minutes, until aborted. Never rejects. */
export async function watchDrift(parts: DriftParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await checkOnce(parts, signal);
    // Not all machines at the same second.
    await parts.clock.sleep(DRIFT_INTERVAL_MS * (0.9 + parts.random() / 5), signal).catch(() => undefined);
  }
}

async function checkOnce({ dns, tunnel, onChecked, clock, logger }: DriftParts, signal: AbortSignal): Promise<void> {
  const identity = tunnel();
  try {
    await withDeadline(clock, CHECK_TIMEOUT_MS, signal, async (limited) => {
      // A machine that joined looks after nobody's records, and one without a certificate cannot; what it owes of a tunnel before is its own.
      if (identity === undefined || identity.joined || identity.zoneId === NO_ZONE) {
        await dns.removeOwedElsewhere(identity?.id, limited);
        return;
      }
      const report = await dns.checkDrift(identity.zoneId, limited);
      logger.debug({ drifted: report.drifted.length, owed: report.owed.length, readable: report.readable }, 'DNS records were checked');
    });
    await onChecked();
  } catch (error) {
    if (!signal.aborted) logger.warn({ error: toSupervisorError(error).toBody() }, 'DNS records could not be checked');
  }
}
