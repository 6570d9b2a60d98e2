import type { EventLine, SupervisorClient } from '../api/client.js';
import { systemClock, type Clock } from '../core/clock.js';
import type { Warning } from '../core/dns.js';
import { SupervisorError } from '../core/errors.js';

/** A unit starts a daemon again after five or ten seconds; what takes no longer than this is not worth a word. */
export const NOTICED_AFTER_MS = 3_000;
/** After which nobody seems to start it again. */
export const GIVEN_UP_AFTER_MS = 40_000;

export interface FollowedDaemon {
  /** Ends when the signal is aborted. Throws DAEMON_UNREACHABLE where the daemon went away and does not come back. */
  readonly events: AsyncGenerator<EventLine, void, undefined>;
  /** It does not answer now. */
  isAbsent(): boolean;
  /** It went away, and came back. */
  hasComeBack(): boolean;
}

export interface FollowDaemonOptions {
  readonly signal: AbortSignal;
  readonly hint: string;
  readonly onAbsent: (warning: Warning) => void;
  readonly clock?: Clock;
}

/** For a command that waits for what a daemon does, also across a restart: one that is gone is told, and not waited for without end. */
export function followDaemon(client: Pick<SupervisorClient, 'events'>, { signal, hint, onAbsent, clock = systemClock }: FollowDaemonOptions): FollowedDaemon {
  const over = new AbortController();
  let absence: AbortController | undefined;
  let hasReturned = false;
  let givenUp: SupervisorError | undefined;

  const waitFor = async (back: AbortSignal): Promise<void> => {
    await clock.sleep(NOTICED_AFTER_MS, back);
    onAbsent({ code: 'DAEMON_UNREACHABLE', message: `The daemon does not answer any more; it is waited for, in case it is started again, up to ${GIVEN_UP_AFTER_MS / 1000} s.` });
    await clock.sleep(GIVEN_UP_AFTER_MS - NOTICED_AFTER_MS, back);
    givenUp = new SupervisorError('DAEMON_UNREACHABLE', `The daemon went away, and did not come back within ${GIVEN_UP_AFTER_MS / 1000} s.`, { hint });
    over.abort();
  };
  const onLost = (): void => {
    if (absence !== undefined) return;
    absence = new AbortController();
    waitFor(absence.signal).catch(() => undefined); // it is back, or nobody asks any more
  };
  const onHeard = (): void => {
    hasReturned ||= absence !== undefined;
    absence?.abort();
    absence = undefined;
  };

  async function* follow(): AsyncGenerator<EventLine, void, undefined> {
    try {
      for await (const event of client.events({ signal: AbortSignal.any([signal, over.signal]), reconnect: true, onLost })) {
        onHeard();
        yield event;
      }
      if (givenUp !== undefined) throw givenUp;
    } finally {
      absence?.abort(); // `isAbsent` stays what it was
      over.abort();
    }
  }
  return { events: follow(), isAbsent: () => absence !== undefined, hasComeBack: () => hasReturned };
}
