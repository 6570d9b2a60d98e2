import type { Clock } from '../core/clock.js';
import type { ErrorCode, SupervisorError } from '../core/errors.js';

/** The network, or Cloudflare, is away: as after a power failure, when this machine is back before its router. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'CLOUDFLARE_UNREACHABLE', 'CLOUDFLARE_THROTTLED', 'EDGE_UNREACHABLE', 'RESOLVER_DEAD', 'CONNECTOR_NOT_READY', 'CONNECTOR_LOST', 'DAEMON_BUSY',
]);

const LONGEST_DELAY_MS = 60_000;

export interface RetryWait {
  readonly clock: Clock;
  /** A person gives it up: it is undone. */
  readonly cancel?: AbortSignal;
  /** The daemon stops: it stays as it is for the next start. */
  readonly interrupt: AbortSignal;
}

/** For a change that is being finished: waits where what failed may pass, longer each time. False: it is to be undone. */
export async function waitToRetry({ clock, cancel, interrupt }: RetryWait, error: SupervisorError, attempt: number): Promise<boolean> {
  if (!PASSING.has(error.code)) return false;
  const signal = cancel === undefined ? interrupt : AbortSignal.any([cancel, interrupt]);
  try {
    await clock.sleep(Math.min(LONGEST_DELAY_MS, 1_000 * 2 ** attempt), signal);
  } catch {
    // The next attempt notices at once, and ends with the reason: of the canceller, or of the daemon that stops.
  }
  return true;
}
