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
  const signal = parent === undefined ? deadline.signal : AbortSignal.any([parent, deadline.signal]);
  try {
    return await run(signal);
  } finally {
    ended.abort();
    await timer;
  }
}
