import { toIso, type Clock, type Random } from '../core/clock.js';
import { DeadlineReached, withDeadline } from '../core/deadline.js';
import { SupervisorError } from '../core/errors.js';
import type { Emit } from '../core/events.js';
import type { Secret } from '../core/secret.js';
import type { Binary, Login } from './ports.js';

export interface LoginPorts {
  readonly login: Login;
  readonly emit: Emit;
  readonly clock: Clock;
  readonly random: Random;
}

export interface LoginWait {
  readonly binary: Binary;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** cloudflared gives up within a second when its server answers 5xx: a new URL that often would be of no use to a person. */
const SHORTEST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 30_000;
/** A run this long had a URL that a person could have opened. */
const LONG_RUN_MS = 60_000;
/** So many runs without any URL: nobody is waiting for a person, something is broken. */
const MOST_RUNS_WITHOUT_URL = 5;

/**
 * Has a person authorise this machine. Each run of cloudflared has its own URL; when it gives up, another one is
 * started, until the deadline. Rejects with LOGIN_TIMED_OUT, LOGIN_FAILED, or why the signal was aborted.
 */
export async function logIn(ports: LoginPorts, { binary, timeoutMs, signal }: LoginWait): Promise<Secret> {
  const expiresAt = toIso(ports.clock.now() + timeoutMs);
  try {
    return await withDeadline(ports.clock, timeoutMs, signal, (limited) => runUntilAuthorised(ports, binary, expiresAt, limited));
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    if (thrown instanceof DeadlineReached) throw new SupervisorError('LOGIN_TIMED_OUT', 'Cloudflare login timed out; try again.');
    throw thrown;
  }
}

async function runUntilAuthorised({ login, emit, clock, random }: LoginPorts, binary: Binary, expiresAt: string, signal: AbortSignal): Promise<Secret> {
  let urls = 0;
  let runsWithoutUrl = 0;
  let delayMs = SHORTEST_DELAY_MS;
  for (;;) {
    const startedAtMs = clock.monotonic();
    const urlsBefore = urls;
    const outcome = await login.attempt({
      binary,
      signal,
      onUrl: (url) => {
        urls += 1;
        emit('login.url-issued', { url, expiresAt, attempt: urls });
        emit('setup.step-waiting', { step: 'log-in', message: 'Open the login URL to authorize Cloudflare for this domain.' });
      },
    });
    if (outcome.kind === 'certificate') return outcome.pem;
    signal.throwIfAborted();

    runsWithoutUrl = urls === urlsBefore ? runsWithoutUrl + 1 : 0;
    if (runsWithoutUrl >= MOST_RUNS_WITHOUT_URL) throw new SupervisorError('LOGIN_FAILED', `Cloudflare login did not complete. cloudflared gave no URL: ${outcome.reason}`);
    if (clock.monotonic() - startedAtMs > LONG_RUN_MS) delayMs = SHORTEST_DELAY_MS;
    await clock.sleep(delayMs * (0.5 + random() / 2), signal);
    delayMs = Math.min(LONGEST_DELAY_MS, delayMs * 2);
  }
}
