import type { Clock } from '../core/clock.js';

/**
 * Runs `work` for at most `ms`; then its signal aborts and this rejects with `over()`, whether `work` listens or not.
 * An outer signal aborts it too.
 */
export async function withDeadline<T>(clock: Clock, ms: number, over: () => Error, work: (signal: AbortSignal) => Promise<T>, outer?: AbortSignal): Promise<T> {
  const deadline = new AbortController();
  const finished = new AbortController();
  const timeout = clock.sleep(ms, finished.signal).then(() => {
    const error = over();
    deadline.abort(error);
    throw error;
  });
  const abortWithOuter = (): void => deadline.abort(outer?.reason);
  if (outer?.aborted === true) abortWithOuter();
  outer?.addEventListener('abort', abortWithOuter);
  try {
    return await Promise.race([work(deadline.signal), timeout]);
  } finally {
    outer?.removeEventListener('abort', abortWithOuter);
    timeout.catch(() => undefined); // the sleep ends with the work; nobody waits for it any more
    finished.abort();
  }
}
