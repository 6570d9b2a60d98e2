import { appendFileSync, existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { SupervisorEvent } from '../../../src/core/events.js';
import { openEventStore, type EventStore, type EventStoreOptions } from '../../../src/state/event-store.js';
import { makeBase } from './base.js';

const event = (seq: number, detail = ''): SupervisorEvent => ({ seq, at: '2026-01-01T00:00:00.000Z', type: 'dns.removed', data: { hostname: `h${seq}${detail}` } });
const collect = async (store: EventStore, after = 0): Promise<SupervisorEvent[]> => {
  const found: SupervisorEvent[] = [];
  for await (const one of store.readAfter(after)) found.push(one);
  return found;
};
const seqs = async (store: EventStore, after = 0): Promise<number[]> => (await collect(store, after)).map(({ seq }) => seq);
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

function open(path: string, options: Partial<EventStoreOptions> = {}): EventStore {
  const store = openEventStore({ path, ...options });
  onTestFinished(() => store.close());
  return store;
}
const fill = (store: EventStore, from: number, to: number, detail = ''): void => range(from, to).forEach((seq) => store.append(event(seq, detail)));

describe('events', () => {
  test('there are none at first', async () => {
    const store = open(makeBase().eventsLog);
    expect([store.newestSeq(), store.oldestSeq(), await seqs(store)]).toEqual([0, 1, []]);
  });

  test('come back in order, from where it is asked, whole', async () => {
    const path = makeBase().eventsLog;
    const store = open(path);
    fill(store, 1, 10);
    expect([store.newestSeq(), store.oldestSeq()]).toEqual([10, 1]);
    for (const one of [store, open(path)]) expect([await seqs(one), await seqs(one, 7), await seqs(one, 10), await seqs(one, 99)]).toEqual([range(1, 10), [8, 9, 10], [], []]);
    const [first] = await collect(store, 9);
    expect(first).toEqual(event(10));
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('as many as are to be kept are, over restarts, and not endlessly more', async () => {
    const path = makeBase().eventsLog;
    for (let start = 1; start <= 91; start += 10) {
      const store = open(path, { keep: 20 });
      fill(store, start, start + 9);
      const newest = start + 9;
      const kept = range(Math.max(1, newest - 19), newest);
      for (const one of [store, open(path, { keep: 20 })]) expect([one.newestSeq(), one.oldestSeq(), await seqs(one)]).toEqual([newest, kept[0], kept]);
    }
    const lines = [path, join(dirname(path), 'events.1.jsonl')].map((file) => readFileSync(file, 'utf8').split('\n').length - 1);
    expect(lines.reduce((sum, count) => sum + count)).toBeLessThanOrEqual(40);
  });

  test('their size is bounded, though fewer are kept then', async () => {
    const path = makeBase().eventsLog;
    const store = open(path, { maxBytes: 10_000 });
    fill(store, 1, 200, 'x'.repeat(400));
    const sizes = [path, join(dirname(path), 'events.1.jsonl')].map((file) => statSync(file).size);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(10_000);
    const kept = await seqs(store);
    expect(kept).toEqual(range(store.oldestSeq(), 200));
    expect(kept.length).toBeGreaterThan(15);
    store.append(event(201, 'y'.repeat(20_000)));
    expect((await seqs(open(path, { maxBytes: 10_000 }))).at(-1)).toBe(201);
  });

  test('what is appended while somebody reads does not disturb', async () => {
    const store = open(makeBase().eventsLog, { keep: 50 });
    fill(store, 1, 60);
    const found: number[] = [];
    for await (const { seq } of store.readAfter(0)) {
      if (found.length === 0) fill(store, 61, 200);
      found.push(seq);
    }
    expect(found.slice(0, 50)).toEqual(range(11, 60));
  });

  test('the URL of a login is handed out while it is of use, and never on disk', async () => {
    const path = makeBase().eventsLog;
    const store = open(path);
    const url = 'https://dash.cloudflare.com/argotunnel?aud=&callback=x';
    const issued: SupervisorEvent = { seq: 1, at: 'x', type: 'login.url-issued', data: { url, expiresAt: 'y', attempt: 1 } };
    store.append(issued);
    expect(await collect(store)).toEqual([issued]);
    store.append({ seq: 2, at: 'x', type: 'login.completed', data: { zoneId: 'z' } });
    expect((await collect(store))[0]).toMatchObject({ data: { url: '[redacted login URL]', attempt: 1 } });
    expect(readFileSync(path, 'utf8')).not.toContain('argotunnel');
  });
});

describe('an event file that was damaged', () => {
  test('at any byte of its end holds the events before, and goes on', async () => {
    const path = makeBase().eventsLog;
    const store = open(path);
    fill(store, 1, 3, 'ü');
    const whole = readFileSync(path);
    const thirdStart = whole.subarray(0, -1).lastIndexOf(0x0a) + 1;
    for (let length = thirdStart; length < whole.length; length += 1) {
      writeFileSync(path, whole);
      truncateSync(path, length);
      const again = open(path);
      expect([again.newestSeq(), await seqs(again)]).toEqual([2, [1, 2]]);
      fill(again, 3, 3);
      expect(await seqs(open(path))).toEqual([1, 2, 3]);
    }
  });

  test('lines that are none are passed over, wherever they stand', async () => {
    const path = makeBase().eventsLog;
    fill(open(path), 1, 2);
    appendFileSync(path, `garbage\n{"seq":3,"at"\n\0\0\0\n${JSON.stringify(event(4))}\nmore garbage\n`);
    const store = open(path);
    expect([store.newestSeq(), await seqs(store)]).toEqual([4, [1, 2, 4]]);
    writeFileSync(path, 'only garbage\n');
    expect([open(path).newestSeq(), await seqs(open(path))]).toEqual([0, []]);
  });

  test('the sequence goes on where only the older file is left', async () => {
    const path = makeBase().eventsLog;
    fill(open(path, { keep: 10 }), 1, 15);
    rmSync(path);
    const store = open(path, { keep: 10 });
    expect([store.newestSeq(), await seqs(store)]).toEqual([10, range(1, 10)]);
  });

  test('a directory that went away loses events, and says how many, and fails nobody', async () => {
    const paths = makeBase();
    const store = open(paths.eventsLog, { keep: 5 });
    fill(store, 1, 5);
    rmSync(paths.logDir, { recursive: true });
    fill(store, 6, 8);
    expect([store.lost(), store.newestSeq(), existsSync(paths.eventsLog)]).toEqual([3, 8, false]);
  });
});
