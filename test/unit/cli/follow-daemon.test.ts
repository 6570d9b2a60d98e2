import { EventEmitter, once } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { EventLine } from '../../../src/api/client.js';
import type { Clock } from '../../../src/core/clock.js';
import type { Warning } from '../../../src/core/dns.js';
import { SupervisorError } from '../../../src/core/errors.js';
import { followDaemon, GIVEN_UP_AFTER_MS, NOTICED_AFTER_MS } from '../../../src/cli/follow-daemon.js';

const beat = (seq: number): EventLine => ({ seq, at: '', type: 'heartbeat', data: {} });

/** A connection that the test loses and makes again, and a clock that it turns. */
function createScene() {
  const sleepers: { readonly ms: number; readonly wake: () => void }[] = [];
  const asleep = new EventEmitter();
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        sleepers.push({ ms, wake: resolve });
        asleep.emit('one');
        signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      }),
  };
  const lines: EventLine[] = [];
  const arrived = new EventEmitter();
  let lose = (): void => undefined;
  const client = {
    async *events({ signal, onLost }: { readonly signal?: AbortSignal; readonly onLost?: (error: SupervisorError) => void } = {}): AsyncGenerator<EventLine, void, undefined> {
      lose = () => onLost?.(new SupervisorError('DAEMON_UNREACHABLE', 'lost'));
      for (;;) {
        const next = lines.shift();
        if (next !== undefined) yield next;
        else if (signal?.aborted === true) return;
        else await once(arrived, 'one', signal === undefined ? {} : { signal }).catch(() => undefined);
      }
    },
  };
  const warnings: Warning[] = [];
  const gone = new AbortController();
  const daemon = followDaemon(client, { signal: gone.signal, hint: 'start it', clock, onAbsent: (warning) => warnings.push(warning) });
  return {
    daemon, warnings, gone,
    lose: () => lose(),
    send: (line: EventLine) => {
      lines.push(line);
      arrived.emit('one');
    },
    /** The next sleep, which has begun. */
    wake: async () => {
      if (sleepers.length === 0) await once(asleep, 'one');
      const next = sleepers.shift();
      next?.wake();
      return next?.ms;
    },
  };
}

describe('a daemon that is waited for', () => {
  test('and goes away is told after seconds, and given up after some more', async () => {
    const { daemon, warnings, send, lose, wake } = createScene();
    send(beat(1));
    await daemon.events.next();
    expect(daemon.isAbsent()).toBe(false);
    const end = daemon.events.next();
    lose();
    lose(); // with every attempt that fails
    expect(daemon.isAbsent()).toBe(true);
    expect(warnings).toEqual([]);
    expect(await wake()).toBe(NOTICED_AFTER_MS);
    expect(await wake()).toBe(GIVEN_UP_AFTER_MS - NOTICED_AFTER_MS);
    expect(warnings).toMatchObject([{ code: 'DAEMON_UNREACHABLE' }]);
    await expect(end).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE', hint: 'start it' });
  });

  test('that comes back in time goes on', async () => {
    const { daemon, warnings, send, lose, gone } = createScene();
    send(beat(1));
    await daemon.events.next();
    const back = daemon.events.next();
    lose();
    send(beat(2));
    expect(await back).toMatchObject({ value: { seq: 2 } });
    expect([daemon.isAbsent(), daemon.hasComeBack(), warnings]).toEqual([false, true, []]);
    const end = daemon.events.next();
    gone.abort();
    expect(await end).toMatchObject({ done: true });
  });
});
