import type { Clock } from './clock.js';

/** Why a signal made by `withDeadline` was aborted, where its parent was not. */
export class DeadlineReached extends Error {
  override readonly name = 'DeadlineReached';

  readonly afterMs: number;

  constructor(afterMs: number) {
    super(`not done within ${Math.round(afterMs / 1000)} s`);
    this.afterMs = afterMs;
  }
}

/** Runs with a signal that aborts after `ms`, or with its parent. The timer goes when the run ends. */
export async function withDeadline<T>(clock: Clock, ms: number, parent: AbortSignal | undefined, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const deadline = new AbortController();
  const ended = new AbortController();
  const timer = clock.sleep(ms, ended.signal).then(
    () => deadline.abort(new DeadlineReached(ms)),
    // Ended before its time: nothing to abort.
    () => undefined,
  );
  const abortWithParent = (): void => deadline.abort(parent?.reason);
  if (parent?.aborted === true) abortWithParent();
  else parent?.addEventListener('abort', abortWithParent);
  try {
    return await run(deadline.signal);
  } finally {
    // By hand, and not by `AbortSignal.any`: Node 20 keeps such a signal for as long as anybody listens to it, and not all stop.
    parent?.removeEventListener('abort', abortWithParent);
    ended.abort();
    await timer;
  }
}
