import type { Clock } from '../../../src/core/clock.js';

export interface TestClock extends Clock {
  /** Ends every sleep that is over after so long, the earliest first. */
  advance(ms: number): void;
  /** Resolves as soon as somebody sleeps for a time that fits; at once where one does. */
  whenAsleep(fits: (ms: number) => boolean): Promise<void>;
  /** Every sleep that was begun, in ms. */
  readonly sleeps: readonly number[];
}

interface Sleeper {
  readonly ms: number;
  readonly endsAt: number;
  readonly wake: () => void;
}

/**
 * A clock that stands still until it is turned. Sleeps for which `passes` says yes turn it by themselves: retries take
 * no time then, and a test need not know how many there are.
 */
export function createTestClock(passes: (ms: number) => boolean = () => false): TestClock {
  let elapsed = 0;
  const sleepers = new Set<Sleeper>();
  const watchers = new Set<{ readonly fits: (ms: number) => boolean; readonly resolve: () => void }>();
  const sleeps: number[] = [];

  const advance = (ms: number): void => {
    const until = elapsed + ms;
    for (const sleeper of [...sleepers].filter(({ endsAt }) => endsAt <= until).sort((a, b) => a.endsAt - b.endsAt)) {
      elapsed = Math.max(elapsed, sleeper.endsAt);
      sleeper.wake();
    }
    elapsed = until;
  };

  return {
    now: () => Date.UTC(2026, 0, 1) + elapsed,
    monotonic: () => elapsed,
    sleeps,
    advance,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      sleeps.push(ms);
      await new Promise<void>((resolve, reject) => {
        const end = (): void => {
          sleepers.delete(sleeper);
          signal?.removeEventListener('abort', abort);
        };
        const abort = (): void => {
          end();
          reject(signal?.reason as Error);
        };
        const sleeper: Sleeper = {
          ms,
          endsAt: elapsed + ms,
          wake: () => {
            end();
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', abort);
        for (const watcher of watchers) {
          if (!watcher.fits(ms)) continue;
          watchers.delete(watcher);
          watcher.resolve();
        }
        if (passes(ms)) setImmediate(() => advance(Math.max(0, sleeper.endsAt - elapsed)));
      });
    },
    whenAsleep: (fits) =>
      new Promise((resolve) => {
        if ([...sleepers].some(({ ms }) => fits(ms))) resolve();
        else watchers.add({ fits, resolve });
      }),
  };
}
