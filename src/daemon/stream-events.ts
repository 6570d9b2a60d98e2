import { toIso, type Clock } from '../core/clock.js';
import { EventFeed } from '../core/event-feed.js';
import type { SupervisorEvent } from '../core/events.js';
import { beatUntil } from '../core/heartbeat.js';
import type { Status } from '../core/status.js';
import type { HeartbeatLine, SnapshotLine } from '../api/answers.js';
import type { EventLog } from './event-log.js';
import type { LineWriter } from './json-lines.js';

export interface EventStreamParts {
  readonly log: EventLog;
  readonly status: () => Status;
  readonly clock: Clock;
  /** The daemon stops: every stream ends. */
  readonly stopping: AbortSignal;
}

/** A snapshot, then everything after it, each once and in order, until the reader goes or the daemon stops. */
export async function streamEvents(writer: LineWriter, since: number | undefined, parts: EventStreamParts): Promise<void> {
  const { log, clock } = parts;
  const over = new AbortController();
  const until = AbortSignal.any([writer.gone, parts.stopping, over.signal]);
  // From here to the snapshot nothing waits: what happens later comes after it, what happened before is in it.
  const feed = new EventFeed(log, writer);
  const newestSeq = log.newestSeq();
  const start = since === undefined ? newestSeq : Math.min(newestSeq, Math.max(since, log.oldestSeq() - 1));
  let lastSeq = start;
  const send = (event: SupervisorEvent): void => {
    lastSeq = event.seq;
    writer.write(event);
  };
  writer.write({
    seq: start,
    at: toIso(clock.now()),
    type: 'snapshot',
    data: { status: parts.status(), newestSeq, missed: since !== undefined && start !== since },
  } satisfies SnapshotLine);
  const beating = beatUntil(until, clock, () => writer.write({ seq: lastSeq, at: toIso(clock.now()), type: 'heartbeat', data: {} } satisfies HeartbeatLine));
  try {
    for await (const event of feed.past(start)) send(event);
    for await (const event of feed.present(until)) send(event);
  } finally {
    feed.close();
    over.abort();
    await beating;
    writer.end();
  }
}
