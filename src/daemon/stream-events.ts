import { toIso, type Clock } from '../core/clock.js';
import type { SupervisorEvent } from '../core/events.js';
import type { Status } from '../core/status.js';
import type { HeartbeatLine, SnapshotLine } from '../api/answers.js';
import type { EventLog } from './event-log.js';
import type { LineWriter } from './json-lines.js';

/** The contract promises a line at least every 15 s. */
export const HEARTBEAT_MS = 10_000;

/** Events that may happen while a slow reader is still being told of the past; then it is cut off. */
const WAITING_EVENTS = 10_000;

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
  const until = AbortSignal.any([writer.gone, parts.stopping]);
  let lastSeq = 0;
  const send = (event: SupervisorEvent): void => {
    lastSeq = event.seq;
    writer.write(event);
  };

  // From here to the snapshot nothing waits: what happens later reaches `waiting`, what happened before is in it.
  const waiting: SupervisorEvent[] = [];
  let live = false;
  const unsubscribe = log.subscribe((event) => {
    if (live) send(event);
    else if (waiting.push(event) > WAITING_EVENTS) writer.cutOff();
  });
  try {
    const newestSeq = log.newestSeq();
    const start = since === undefined ? newestSeq : Math.min(newestSeq, Math.max(since, log.oldestSeq() - 1));
    lastSeq = start;
    writer.write({
      seq: start,
      at: toIso(clock.now()),
      type: 'snapshot',
      data: { status: parts.status(), newestSeq, missed: since !== undefined && start !== since },
    } satisfies SnapshotLine);

    if (start < newestSeq) await replay(writer, log, start, newestSeq, send);
    for (const event of waiting) send(event);
    live = true;
    waiting.length = 0;

    while (!until.aborted) {
      // Rejects when the stream is over, which the condition sees.
      await clock.sleep(HEARTBEAT_MS, until).catch(() => undefined);
      if (!until.aborted) writer.write({ seq: lastSeq, at: toIso(clock.now()), type: 'heartbeat', data: {} } satisfies HeartbeatLine);
    }
  } finally {
    unsubscribe();
    writer.end();
  }
}

async function replay(writer: LineWriter, log: EventLog, after: number, upTo: number, send: (event: SupervisorEvent) => void): Promise<void> {
  for await (const event of log.readAfter(after)) {
    if (event.seq > upTo || writer.gone.aborted) return;
    send(event);
    await writer.drained();
  }
}
