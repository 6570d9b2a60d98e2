import { expect, test } from 'vitest';
import type { SupervisorEvent } from '../../../src/core/events.js';
import { createEventLog, type EventStore } from '../../../src/daemon/event-log.js';
import { streamEvents } from '../../../src/daemon/stream-events.js';
import type { LineWriter } from '../../../src/daemon/json-lines.js';
import type { Status } from '../../../src/core/status.js';

/** Keeps the newest `keep` in memory. */
function createMemoryStore(keep = 10_000): EventStore {
  const events: SupervisorEvent[] = [];
  return {
    newestSeq: () => events.at(-1)?.seq ?? 0,
    oldestSeq: () => events[0]?.seq ?? 1,
    append: (event) => {
      events.push(event);
      if (events.length > keep) events.shift();
    },
    readAfter: async function* (seq) {
      const asOfNow = events.filter((event) => event.seq > seq);
      for (const event of asOfNow) {
        await Promise.resolve();
        yield event;
      }
    },
  };
}

const STATUS = { daemon: { pid: 1 } } as unknown as Status;

/** A clock that stands: what sleeps on it wakes when it is turned, or when its signal is aborted. */
function createTurnableClock() {
  const sleepers: { wake: () => void }[] = [];
  return {
    now: () => 0,
    monotonic: () => 0,
    sleep: (_ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        sleepers.push({ wake: resolve });
        signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      }),
    wakeAll: () => {
      for (const sleeper of sleepers.splice(0)) sleeper.wake();
    },
  };
}

interface Reader extends LineWriter {
  readonly lines: { seq: number; type: string; data: Record<string, unknown> }[];
  readonly leave: () => void;
  readonly has: (count: number) => Promise<void>;
}

function createReader(drained: () => Promise<void> = () => Promise.resolve()): Reader {
  const gone = new AbortController();
  const lines: Reader['lines'] = [];
  let heard = (): void => undefined;
  return {
    lines,
    gone: gone.signal,
    begin: () => undefined,
    write: (value) => {
      lines.push(value as Reader['lines'][number]);
      heard();
    },
    drained,
    end: () => undefined,
    cutOff: () => gone.abort(),
    leave: () => gone.abort(),
    has: async (count) => {
      while (lines.length < count) await new Promise<void>((resolve) => (heard = resolve));
    },
  };
}

const warn = (log: ReturnType<typeof createEventLog>, message: string): void => log.emit('daemon.warned', { code: 'X', message });
const noFault = (fault: unknown): void => {
  throw fault;
};

function createParts(keep?: number) {
  const clock = createTurnableClock();
  const log = createEventLog(createMemoryStore(keep), clock, noFault);
  return { clock, log, parts: { log, clock, status: () => STATUS, stopping: new AbortController().signal } };
}

test('numbers go on where the store ended', () => {
  const store = createMemoryStore();
  const first = createEventLog(store, createTurnableClock(), noFault);
  warn(first, 'a');
  warn(first, 'b');
  const second = createEventLog(store, createTurnableClock(), noFault);
  warn(second, 'c');
  expect(second.newestSeq()).toBe(3);
});

test('a listener that throws does not disturb who reports, nor the others', () => {
  const faults: unknown[] = [];
  const log = createEventLog(createMemoryStore(), createTurnableClock(), (fault) => faults.push(fault));
  const heard: number[] = [];
  log.subscribe(() => {
    throw new Error('listener');
  });
  log.subscribe((event) => heard.push(event.seq));
  warn(log, 'a');
  expect(heard).toEqual([1]);
  expect(faults).toHaveLength(1);
});

test('a stream begins with a snapshot and goes on after it', async () => {
  const { log, parts } = createParts();
  warn(log, 'before');
  const reader = createReader();
  const done = streamEvents(reader, undefined, parts);
  warn(log, 'after');
  await reader.has(2);
  reader.leave();
  await done;
  expect(reader.lines.map((line) => [line.seq, line.type])).toEqual([[1, 'snapshot'], [2, 'daemon.warned']]);
  expect(reader.lines[0]?.data).toMatchObject({ newestSeq: 1, missed: false });
});

test('since continues without a gap or a repetition, also while events happen during the replay', async () => {
  const { log, parts } = createParts();
  for (let index = 0; index < 5; index += 1) warn(log, 'past');
  let burst = 3;
  const reader = createReader(() => {
    if (burst > 0) warn(log, 'meanwhile');
    burst -= 1;
    return Promise.resolve();
  });
  const done = streamEvents(reader, 2, parts);
  await reader.has(7);
  reader.leave();
  await done;
  expect(reader.lines.map((line) => line.seq)).toEqual([2, 3, 4, 5, 6, 7, 8]);
});

test.each([
  ['was dropped already', 1, 7],
  ['never was', 99, 10],
])('says so where what was asked for %s', async (_name, since, start) => {
  const { log, parts } = createParts(3);
  for (let index = 0; index < 10; index += 1) warn(log, 'x');
  const reader = createReader();
  const done = streamEvents(reader, since, parts);
  await reader.has(1 + 10 - start);
  reader.leave();
  await done;
  expect(reader.lines[0]).toMatchObject({ seq: start, type: 'snapshot', data: { missed: true, newestSeq: 10 } });
  expect(reader.lines.at(-1)?.seq).toBe(10);
});

test('a heartbeat carries the last number', async () => {
  const { clock, log, parts } = createParts();
  const reader = createReader();
  const done = streamEvents(reader, undefined, parts);
  warn(log, 'x');
  await reader.has(2);
  clock.wakeAll();
  await reader.has(3);
  reader.leave();
  await done;
  expect(reader.lines.at(-1)).toMatchObject({ seq: 1, type: 'heartbeat' });
});

test('a reader that is told of the past too slowly is cut off', async () => {
  const { log, parts } = createParts();
  warn(log, 'x');
  const reader = createReader(async () => {
    for (let index = 0; index <= 10_000; index += 1) warn(log, 'y');
  });
  await streamEvents(reader, 0, parts);
  expect(reader.gone.aborted).toBe(true);
});

test('streams end when the daemon stops', async () => {
  const { parts } = createParts();
  const stopping = new AbortController();
  const done = streamEvents(createReader(), undefined, { ...parts, stopping: stopping.signal });
  stopping.abort();
  await done;
  expect(stopping.signal.aborted).toBe(true);
});
