import type { Clock } from '../core/clock.js';
import { SupervisorError } from '../core/errors.js';

/** Between one attempt and the next: three in all. */
const PAUSES_MS = [500, 1_500] as const;

/** What may be better in a moment. */
const isTransient = (error: unknown): boolean => error instanceof SupervisorError && (error.code === 'RELEASE_UNREACHABLE' || error.code === 'DOWNLOAD_INCOMPLETE');

/** Tries again what a network lost. */
export async function withRetries<T>(clock: Clock, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  for (const pauseMs of PAUSES_MS) {
    try {
      return await attempt();
    } catch (error) {
      if (!isTransient(error)) throw error;
    }
    await clock.sleep(pauseMs, signal);
  }
  return await attempt();
}
