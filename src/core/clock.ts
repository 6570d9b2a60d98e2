import { setTimeout as delay } from 'node:timers/promises';

/** Time, as a port: tests turn it, production passes `systemClock`. */
export interface Clock {
  /** Wall clock, ms since the epoch: for people and files. */
  now(): number;
  /** Monotonic, ms: for durations and deadlines. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A number in [0, 1), as a port. */
export type Random = () => number;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : error;
    }
  },
};

/** ISO 8601 in UTC with milliseconds, as our events and documents write times. */
export const toIso = (ms: number): string => new Date(ms).toISOString();
