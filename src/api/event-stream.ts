import { SupervisorError } from '../core/errors.js';
import { systemClock, type Clock } from '../core/clock.js';
import type { EventLine } from './answers.js';

export interface FollowOptions {
  /** Continue after this sequence number; without it, from now on. */
  readonly since?: number;
  readonly signal?: AbortSignal;
  /** Go on across restarts of the daemon. Without it the stream ends, or fails, with its connection. */
  readonly reconnect?: boolean;
  /** Told of every loss, before the next attempt. */
  readonly onLost?: (error: SupervisorError) => void;
  readonly clock?: Clock;
}

export type OpenEvents = (since: number | undefined, signal: AbortSignal) => AsyncGenerator<EventLine, void, undefined>;

/** The daemon sends a line at least every 15 s; after three times that, its connection is dead. */
export const SILENCE_MS = 45_000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;

/**
 * Events in order and each once, also across reconnects. Every connection begins with a snapshot. Where the daemon
 * could not continue without a gap, the snapshot says `missed`.
 */
export async function* followEvents(open: OpenEvents, options: FollowOptions): AsyncGenerator<EventLine, void, undefined> {
  const clock = options.clock ?? systemClock;
  let since = options.since;
  let retryMs = FIRST_RETRY_MS;
  for (;;) {
    let failure: SupervisorError | undefined;
    try {
      for await (const line of readUntilSilent(open, since, options.signal, clock)) {
        since = line.seq;
        retryMs = FIRST_RETRY_MS;
        yield line;
      }
    } catch (error) {
      if (!(error instanceof SupervisorError)) throw error;
      failure = error;
    }
    if (options.signal?.aborted === true) return;
    if (options.reconnect !== true) {
      if (failure === undefined) return;
      throw failure;
    }
    options.onLost?.(failure ?? new SupervisorError('DAEMON_UNREACHABLE', 'The daemon ended the stream of events'));
    try {
      await clock.sleep(retryMs, options.signal);
    } catch {
      return; // aborted: the reader wants no more
    }
    retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
  }
}

/** A connection on which nothing comes for too long is closed: its daemon hangs, or is gone. */
async function* readUntilSilent(
  open: OpenEvents,
  since: number | undefined,
  signal: AbortSignal | undefined,
  clock: Clock,
): AsyncGenerator<EventLine, void, undefined> {
  const connection = new AbortController();
  const both = signal === undefined ? connection.signal : AbortSignal.any([signal, connection.signal]);
  const lines = open(since, both);
  try {
    for (;;) {
      const watch = new AbortController();
      const silent = clock.sleep(SILENCE_MS, watch.signal).then(
        () => 'silent' as const,
        () => 'heard' as const,
      );
      const next = lines.next();
      const first = await Promise.race([next, silent]).finally(() => watch.abort());
      if (first === 'silent') {
        connection.abort();
        await next.catch(() => 'closed by us');
        throw new SupervisorError('DAEMON_UNREACHABLE', `The daemon said nothing for ${SILENCE_MS / 1000} s`);
      }
      if (first === 'heard' || first.done === true) return;
      yield first.value;
    }
  } finally {
    connection.abort();
  }
}
