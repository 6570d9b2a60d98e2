import { expect, onTestFinished, test } from 'vitest';
import { join } from 'node:path';
import type { EventSource } from '../../../src/core/event-feed.js';
import type { Clock } from '../../../src/core/clock.js';
import type { SupervisorEvent } from '../../../src/core/events.js';
import type { PortacodeEvent } from '../../../src/portacode/events.js';
import { createFollow, type FollowStream } from '../../../src/portacode/follow.js';
import { SetupAskers } from '../../../src/portacode/setup-askers.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

/** Changes that nobody of Portacode's asked for, from number 1 on. */
function createLog(past: number): EventSource & { readonly happen: () => void } {
  const events: SupervisorEvent[] = [];
  const listeners = new Set<(event: SupervisorEvent) => void>();
  const happen = (): void => {
    const event: SupervisorEvent = { seq: events.length + 1, at: '2026-01-01T00:00:00.000Z', type: 'forwarding.applied', data: { change: 'c', revision: 1, reason: 'user', rules: [], warnings: [], durationMs: 1 } };
    events.push(event);
    for (const listener of listeners) listener(event);
  };
  for (let count = 0; count < past; count += 1) happen();
  return {
    happen,
    newestSeq: () => events.length,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    readAfter: async function* (seq) {
      yield* events.filter((event) => event.seq > seq);
    },
  };
}

/** Nothing that waits for time goes on before it is given up. */
const standingClock: Clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: (_ms, signal) => new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })),
};

function startFollowing(log: EventSource, since: number | undefined) {
  const gone = new AbortController();
  const seen: PortacodeEvent[] = [];
  let heard = (): void => undefined;
  let read: (() => void) | undefined;
  const stream: FollowStream = {
    gone: gone.signal,
    send: (event) => {
      seen.push(event);
      heard();
    },
    drained: () => new Promise((resolve) => (read = resolve)),
    cutOff: () => gone.abort(),
  };
  const follow = createFollow({
    log, clock: standingClock, askers: new SetupAskers(join(tempDirectory(), 'asker.json')), connectors: () => [], tunnel: () => undefined, madeAt: () => undefined,
    tunnelFile: () => Promise.resolve({}), stopping: new AbortController().signal,
  });
  const ended = follow(stream, since);
  onTestFinished(async () => {
    gone.abort();
    read?.();
    await ended;
  });
  return {
    gone: gone.signal,
    numbers: () => seen.filter(({ event }) => event === 'cloudflare_forwarding_changed').map(({ seq }) => seq),
    /** Reads what was sent, and all else that is at hand then. */
    readOn: async (until: number) => {
      read?.();
      while (seen.at(-1)?.['seq'] !== until) await new Promise<void>((resolve) => (heard = resolve));
    },
    settle: () => new Promise((resolve) => setImmediate(resolve)),
  };
}

test('the past comes as fast as it is read, and what happens meanwhile after it, once', async () => {
  const log = createLog(3);
  const reader = startFollowing(log, 0);
  await reader.settle();
  expect(reader.numbers()).toEqual([1]);
  log.happen();
  await reader.settle();
  expect(reader.numbers()).toEqual([1]);
  for (const seq of [2, 3, 4]) {
    await reader.readOn(seq);
    await reader.settle();
    if (seq < 3) expect(reader.numbers()).toHaveLength(seq);
  }
  expect(reader.numbers()).toEqual([1, 2, 3, 4]);
});

test('what happens while one follows comes at once', async () => {
  const log = createLog(3);
  const reader = startFollowing(log, undefined);
  log.happen();
  await reader.settle();
  expect(reader.numbers()).toEqual([4]);
  log.happen();
  log.happen();
  await reader.settle();
  expect(reader.numbers()).toEqual([4, 5, 6]);
});

test('one that reads the past too slowly for what happens meanwhile is cut off', async () => {
  const log = createLog(2);
  const reader = startFollowing(log, 0);
  await reader.settle();
  for (let count = 0; count <= 10_000; count += 1) log.happen();
  expect(reader.gone.aborted).toBe(true);
});
