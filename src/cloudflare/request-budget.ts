import type { Clock } from '../core/clock.js';

/** Cloudflare allows 1,200 requests in five minutes; what a person does in the dashboard counts too. */
export const BUDGET_LIMIT = 1_100;
export const BUDGET_WINDOW_MS = 300_000;

/** How many requests may go out. One for all clients of a process: Cloudflare counts the user, not the connection. */
export interface RequestBudget {
  /** Resolves when one more request may go out; first come, first served. Rejects with the signal's reason. */
  take(signal: AbortSignal): Promise<void>;
  /** Resolves when so many requests could go out at once; takes none. */
  whenFree(count: number, signal: AbortSignal): Promise<void>;
  /** Cloudflare said when: nobody's request goes out before. */
  pause(ms: number): void;
}

/**
 * A window that slides, exact for every span of five minutes: a bucket that refills would either allow twice the
 * limit across a border or slow down the first thousand names, which fit.
 */
export function createRequestBudget(clock: Clock, limit = BUDGET_LIMIT, windowMs = BUDGET_WINDOW_MS): RequestBudget {
  /** When the last `limit` requests went out, in a ring; -Infinity where there was none yet. */
  const sentAt = new Float64Array(limit).fill(Number.NEGATIVE_INFINITY);
  let next = 0;
  let pausedUntil = Number.NEGATIVE_INFINITY;
  let queue: Promise<void> = Promise.resolve();

  const waitUntilFree = async (count: number, signal: AbortSignal): Promise<void> => {
    for (;;) {
      signal.throwIfAborted();
      const oldest = sentAt[(next + count - 1) % limit] ?? Number.NEGATIVE_INFINITY;
      const waitMs = Math.max(oldest + windowMs, pausedUntil) - clock.monotonic();
      if (waitMs <= 0) return;
      await clock.sleep(waitMs, signal);
    }
  };

  const waitForTurn = async (signal: AbortSignal): Promise<void> => {
    await waitUntilFree(1, signal);
    sentAt[next] = clock.monotonic();
    next = (next + 1) % limit;
  };

  return {
    take(signal) {
      const turn = queue.then(() => waitForTurn(signal));
      // Whoever gives up must not hold up the next, and need not wait for those before.
      queue = turn.catch(() => undefined);
      return untilAborted(turn, signal);
    },
    whenFree: waitUntilFree,
    pause(ms) {
      pausedUntil = Math.max(pausedUntil, clock.monotonic() + ms);
    },
  };
}

function untilAborted(turn: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason);
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    turn.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
