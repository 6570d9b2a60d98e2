import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Clock } from '../../../src/core/clock.js';
import { DaemonLink } from '../../../src/portacode/bridge/daemon-link.js';
import type { PortacodeEvent } from '../../../src/portacode/events.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const LOGIN = { event: 'cloudflare_tunnel_login' };
const CONFIGURED = { event: 'cloudflare_tunnel_configured' };
const STOPPING = { event: 'error', error_code: 'DAEMON_STOPPING', message: 'The daemon stopped' };

/** Time passes as it is told to, and by what is slept. */
function createClock(): Clock & { pass: (ms: number) => void } {
  let now = 0;
  const pass = (ms: number): void => void (now += ms);
  return { now: () => now, monotonic: () => now, sleep: async (ms) => pass(ms), pass };
}

/** A daemon of few words: each turn answers one command. The last one answers all that come after. */
async function exchangeWith(clock: Clock, ...turns: readonly ((response: ServerResponse) => void)[]): Promise<{ readonly events: readonly PortacodeEvent[]; readonly asked: number }> {
  const socketPath = join(tempDirectory(), 'control.sock');
  let asked = 0;
  const server = createServer((_request, response) => {
    const turn = turns[Math.min(asked, turns.length - 1)];
    asked += 1;
    response.writeHead(200);
    turn?.(response);
  });
  server.listen(socketPath);
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const link = new DaemonLink({ socketPath: () => Promise.resolve(socketPath), bringUp: () => Promise.resolve(), clock, signal: new AbortController().signal });
  const events: PortacodeEvent[] = [];
  for await (const event of link.exchange({ cmd: 'setup_cloudflare_tunnel' })) events.push(event);
  return { events, asked };
}

const say = (response: ServerResponse, ...events: readonly object[]): boolean => response.write(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
const answer = (...events: readonly object[]) => (response: ServerResponse): void => {
  say(response, ...events);
  response.end();
};

/** Longer than a daemon takes to stop; then the daemon does. */
const waitForLogin = (clock: ReturnType<typeof createClock>) => (response: ServerResponse): void => {
  say(response, LOGIN);
  clock.pass(300_000);
  answer(STOPPING)(response);
};

test('a login that waited for longer than a daemon takes to stop is sent again all the same', async () => {
  const clock = createClock();
  const { events } = await exchangeWith(
    clock,
    waitForLogin(clock),
    answer(STOPPING),
    answer(LOGIN, CONFIGURED),
  );
  expect(events).toEqual([LOGIN, LOGIN, CONFIGURED]);
});

test('a daemon that turns away for too long is given up, however long the exchange had lasted before', async () => {
  const clock = createClock();
  const { events, asked } = await exchangeWith(
    clock,
    waitForLogin(clock),
    answer(STOPPING),
  );
  expect(events).toMatchObject([LOGIN, { error_code: 'DAEMON_STOPPING' }]);
  expect(asked).toBeGreaterThan(10);
  expect(clock.monotonic()).toBeGreaterThan(390_000);
});
