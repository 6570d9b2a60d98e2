import * as fc from 'fast-check';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { carryOut } from './carry-out.js';
import { createVictim, type Victim, type VictimProcess } from './daemon-process.js';
import { attack } from './hostile-requests.js';

/** `ABUSE_REQUESTS=100000` for the long run; `ABUSE_SEED` repeats one. */
const REQUESTS = Number(process.env['ABUSE_REQUESTS'] ?? 1_500);
const SEED = process.env['ABUSE_SEED'];
const AT_ONCE = 50;

/** On a busy machine with two cores; what is measured stands in the report of the test. */
const PROMPT_MS = 3_000;
const GROWTH_MEGABYTES = 200;

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

describe('the socket of a running daemon', () => {
  test(`answers ${REQUESTS} hostile requests from the table, and is as before`, { timeout: 60_000 + REQUESTS * 40 }, async () => {
    const victim = await createVictim();
    const daemon = await victim.start();
    await victim.setUp();
    await victim.client.addRule({ hostname: 'kept.example.com', destination: 'http://127.0.0.1:1' });
    const rule = { hostname: 'a.example.com', destination: 'https://localhost', dryRun: true };
    for (const caPool of ['/etc', '/dev/zero', '/nowhere']) await expect(victim.client.addRule({ ...rule, originRequest: { caPool } })).rejects.toMatchObject({ code: 'FORWARDING_INVALID' });
    // Whatever is loaded at first use is loaded now.
    await fc.assert(fc.asyncProperty(fc.array(attack, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (attacks) => void (await Promise.all(attacks.map((one) => carryOut(victim.socketPath, one))))), { numRuns: 10, seed: 1, endOnFailure: true });
    const before = await atRest(daemon);

    const crowd = await stubbornCrowd(victim.socketPath);
    const watch = watchStatus(victim);
    const counts = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(fc.array(attack, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (attacks) => {
        const outcomes = await Promise.all(attacks.map((one) => carryOut(victim.socketPath, one)));
        for (const code of outcomes.flatMap(({ said }) => said)) counts.set(code, (counts.get(code) ?? 0) + 1);
        expect(daemon.isAlive(), daemon.log().slice(-4_000)).toBe(true);
      }),
      { numRuns: Math.ceil(REQUESTS / AT_ONCE), endOnFailure: true, ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
    );
    const { slowestMs } = await watch.stop();
    crowd.leave();
    // One without a body begins.
    await victim.client.cancelSetup();

    const after = await atRest(daemon, before.descriptors);
    process.stdout.write(`${JSON.stringify({ requests: REQUESTS, slowestStatusMs: Math.round(slowestMs), before, after, counts: Object.fromEntries([...counts].toSorted((a, b) => b[1] - a[1])) })}\n`);
    expect(slowestMs).toBeLessThan(PROMPT_MS);
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
    expect(after.residentMegabytes).toBeLessThan(before.residentMegabytes + GROWTH_MEGABYTES);
    expect(daemon.log()).not.toMatch(/INTERNAL_FAULT|nobody foresaw|MaxListeners/);
    // Not a run that was refused at the door.
    for (const code of ['ok', 'REQUEST_INVALID', 'REQUEST_FORBIDDEN', 'RESOURCE_UNKNOWN', 'METHOD_UNKNOWN', 'FORWARDING_INVALID', 'REVISION_CHANGED']) expect(counts.get(code), code).toBeGreaterThan(0);
    const { rules, connectors } = await victim.client.status();
    expect(rules.map(({ hostname }) => hostname)).toEqual(['kept.example.com']);
    expect(connectors).toMatchObject([{ state: 'ready' }]);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test('serves 200 clients at once while bodies as large as are taken come in', { timeout: 60_000 }, async () => {
    const victim = await createVictim();
    const daemon = await victim.start();
    await victim.setUp();
    const before = await atRest(daemon);
    const watch = watchStatus(victim);
    let peak = 0;
    const sampling = setInterval(() => (peak = Math.max(peak, daemon.residentMegabytes())), 50);
    const huge = `{"rules":[${Array.from({ length: 9_000 }, (_, index) => `{"hostname":"h${index}.evil.example","destination":"${'x'.repeat(700)}"}`).join(',')}],"dryRun":true}`;
    const request = Buffer.from(`PUT /v1/forwarding HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${huge.length}\r\n\r\n${huge}`);
    const attacks = Array.from({ length: 200 }, (_, index) => carryOut(victim.socketPath, index % 8 === 0 ? { pieces: [request], manner: 'wait', method: 'PUT' } : { pieces: [Buffer.from(get('/v1/status'))], manner: 'wait', method: 'GET' }));
    const said = (await Promise.all(attacks)).flatMap((outcome) => outcome.said);
    const { slowestMs } = await watch.stop();
    clearInterval(sampling);
    expect(said).toHaveLength(200);
    expect(said.filter((code) => code === 'ok').length).toBeGreaterThanOrEqual(170);
    expect(said.filter((code) => !['ok', 'FORWARDING_INVALID', 'REQUEST_INVALID', 'DAEMON_BUSY'].includes(code))).toEqual([]);
    const after = await atRest(daemon, before.descriptors);
    process.stdout.write(`${JSON.stringify({ slowestStatusMs: Math.round(slowestMs), before, peak, after })}\n`);
    expect(peak).toBeLessThan(1_500);
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
    expect(daemon.isAlive()).toBe(true);
  });
});

interface Rest {
  readonly residentMegabytes: number;
  readonly descriptors: number;
}

/** When what was opened for clients is closed again. */
async function atRest(daemon: VictimProcess, descriptors = 0): Promise<Rest> {
  let last = daemon.descriptors();
  await expect.poll(() => {
    const now = daemon.descriptors();
    const isStill = now === last || now <= descriptors;
    last = now;
    return isStill && (descriptors === 0 || now <= descriptors);
  }, { timeout: 30_000, interval: 200 }).toBe(true);
  return { residentMegabytes: Math.round(daemon.residentMegabytes()), descriptors: daemon.descriptors() };
}

/** Somebody who means well, all the while. */
function watchStatus({ client }: Victim): { stop(): Promise<{ readonly slowestMs: number }> } {
  let slowestMs = 0;
  const stop = new AbortController();
  let failure: unknown;
  const watch = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const begin = performance.now();
      await client.status();
      slowestMs = Math.max(slowestMs, performance.now() - begin);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const watching = watch().catch((error: unknown) => (failure = error));
  return {
    stop: async () => {
      stop.abort();
      await watching;
      if (failure !== undefined) throw failure;
      return { slowestMs };
    },
  };
}

/** Those who only take up room: readers of streams that never read, senders who never finish, and some who say nothing. */
async function stubbornCrowd(socketPath: string): Promise<{ leave(): void }> {
  const beginnings = [
    ...Array.from({ length: 40 }, () => get('/v1/events?since=0')),
    ...Array.from({ length: 20 }, () => get('/v1/logs?follow=true&lines=100000')),
    ...Array.from({ length: 40 }, () => 'PUT /v1/forwarding HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n{"rules":'),
    ...Array.from({ length: 20 }, () => 'GET /v1/sta'),
    ...Array.from({ length: 20 }, () => ''),
  ];
  const sockets: Socket[] = [];
  for (const beginning of beginnings) {
    const socket = connect(socketPath);
    socket.pause();
    socket.on('error', () => socket.destroy());
    await once(socket, 'connect');
    socket.write(beginning);
    sockets.push(socket);
  }
  // A byte now and then keeps a sender interesting.
  const drip = setInterval(() => {
    for (const socket of sockets.slice(60, 120)) if (socket.writable) socket.write(' ');
  }, 500);
  return {
    leave: () => {
      clearInterval(drip);
      for (const socket of sockets) socket.destroy();
    },
  };
}
