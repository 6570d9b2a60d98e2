import { describe, expect, test } from 'vitest';
import { SupervisorError } from '../../../src/core/errors.js';
import type { EventData, EventType } from '../../../src/core/events.js';
import { Secret } from '../../../src/core/secret.js';
import { logIn } from '../../../src/setup/log-in.js';
import type { Login, LoginOutcome } from '../../../src/setup/ports.js';
import { createTestClock } from '../cloudflare/test-clock.js';

const TIMEOUT_MS = 600_000;
const binary = { path: '/bin/cloudflared', version: '2026.8.2' };
const certificate: LoginOutcome = { kind: 'certificate', pem: new Secret('pem') };
const gaveUp: LoginOutcome = { kind: 'gave-up', reason: 'it ended' };

/** A run of cloudflared: shows its URL, and then does what is said; `undefined` waits for ever. */
type Run = { readonly url?: string; readonly ends?: LoginOutcome | Error };

function createLogin(runs: readonly Run[]): Login & { readonly started: () => number } {
  let count = 0;
  return {
    started: () => count,
    sweep: async () => undefined,
    attempt: async ({ onUrl, signal }) => {
      const run = runs[Math.min(count, runs.length - 1)];
      count += 1;
      if (run?.url !== undefined) onUrl(run.url);
      if (run?.ends instanceof Error) throw run.ends;
      if (run?.ends !== undefined) return run.ends;
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    },
  };
}

function start(runs: readonly Run[], cancel = new AbortController()) {
  const events: { type: EventType; data: unknown }[] = [];
  const clock = createTestClock((ms) => ms !== TIMEOUT_MS);
  const login = createLogin(runs);
  const emit = <T extends EventType>(type: T, data: EventData[T]): void => void events.push({ type, data });
  const outcome = logIn({ login, emit, clock, random: () => 1 }, { binary, timeoutMs: TIMEOUT_MS, signal: cancel.signal });
  outcome.catch(() => undefined); // looked at later
  return { outcome, clock, login, cancel, urls: () => events.flatMap(({ type, data }) => (type === 'login.url-issued' ? [data] : [])) };
}

describe('a login', () => {
  test('hands the URL out at once, and gives the certificate', async () => {
    const { outcome, urls } = start([{ url: 'https://one', ends: certificate }]);
    expect((await outcome).reveal()).toBe('pem');
    expect(urls()).toEqual([{ url: 'https://one', expiresAt: '2026-01-01T00:10:00.000Z', attempt: 1 }]);
  });

  test('gets a new URL each time cloudflared gives up, at growing intervals', async () => {
    const { outcome, clock, urls } = start([{ url: 'https://one', ends: gaveUp }, { url: 'https://two', ends: gaveUp }, { url: 'https://three', ends: gaveUp }, { url: 'https://four', ends: certificate }]);
    await outcome;
    expect(urls()).toMatchObject([{ url: 'https://one', attempt: 1 }, { url: 'https://two', attempt: 2 }, { attempt: 3 }, { url: 'https://four', attempt: 4 }]);
    expect(clock.sleeps).toEqual([TIMEOUT_MS, 1_000, 2_000, 4_000]);
  });

  test('ends at the deadline, with the words that Portacode knows', async () => {
    const { outcome, clock, login } = start([{ url: 'https://one', ends: gaveUp }, { url: 'https://two' }]);
    await clock.whenAsleep((ms) => ms === 1_000);
    await untilStarted(login, 2);
    clock.advance(TIMEOUT_MS);
    await expect(outcome).rejects.toMatchObject({ code: 'LOGIN_TIMED_OUT', message: 'Cloudflare login timed out; try again.' });
  });

  test('ends when it is cancelled, while a person is waited for and between two runs', async () => {
    const waiting = start([{ url: 'https://one' }]);
    const cancelled = new SupervisorError('SETUP_CANCELLED', 'cancelled');
    waiting.cancel.abort(cancelled);
    await expect(waiting.outcome).rejects.toBe(cancelled);

    const between = start([{ url: 'https://one', ends: gaveUp }]);
    await between.clock.whenAsleep((ms) => ms === 1_000);
    between.cancel.abort(cancelled);
    await expect(between.outcome).rejects.toBe(cancelled);
  });

  test('is no use where no URL comes, or another run would not help', async () => {
    const silent = start([{ ends: gaveUp }]);
    await expect(silent.outcome).rejects.toMatchObject({ code: 'LOGIN_FAILED', message: expect.stringContaining('it ended') as string });
    expect(silent.login.started()).toBe(5);
    await expect(start([{ ends: new SupervisorError('LOGIN_FAILED', 'no HOME') }]).outcome).rejects.toMatchObject({ message: 'no HOME' });
  });
});

async function untilStarted(login: { readonly started: () => number }, count: number): Promise<void> {
  while (login.started() < count) await new Promise((resolve) => setImmediate(resolve));
}
