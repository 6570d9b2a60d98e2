import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { ANSWERS, type AnswerOf } from '../../src/api/answers.js';
import { CALLS, type CallName } from '../../src/api/calls.js';
import { createClient, type EventLine, type SupervisorClient } from '../../src/api/client.js';
import { REQUESTS } from '../../src/api/requests.js';
import { SupervisorError } from '../../src/core/errors.js';
import type { Handlers } from '../../src/daemon/calls.js';
import { serveControlSocket } from './control-socket.js';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function connectTo(handlers: Partial<Handlers>): Promise<SupervisorClient> {
  const socket = await serveControlSocket(handlers);
  cleanUps.push(() => socket.close());
  return createClient({ socketPath: socket.socketPath });
}

/** A socket that somebody serves who is not our daemon: what it does with a connection is the test's. */
async function serveStrangely(onConnection: (socket: Socket) => void): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'strange-'));
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    onConnection(socket);
  });
  const socketPath = join(directory, 's');
  server.listen(socketPath);
  await once(server, 'listening');
  cleanUps.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
    await rm(directory, { recursive: true });
  });
  return socketPath;
}

const CHANGED: AnswerOf<'replaceForwarding'> = { outcome: 'applied', change: 'c', revision: 8, rules: [], warnings: [], plan: null, durationMs: 1 };

test('calls, requests and answers name the same calls', () => {
  expect(Object.keys(REQUESTS).sort()).toEqual(Object.keys(CALLS).sort());
  expect(Object.keys(ANSWERS).sort()).toEqual(Object.keys(CALLS).sort());
  const addresses = (Object.keys(CALLS) as CallName[]).map((name) => `${CALLS[name].method} ${CALLS[name].path}`);
  expect(new Set(addresses).size).toBe(addresses.length);
});

describe('every call arrives as what it was', () => {
  test('with its fields, wherever they stand on the way', async () => {
    const seen: unknown[] = [];
    const note = <A>(answer: A) => (request: unknown): Promise<A> => {
      seen.push(request);
      return Promise.resolve(answer);
    };
    const client = await connectTo({
      addRule: note(CHANGED),
      removeRule: note(CHANGED),
      rollback: note(CHANGED),
      stopDaemon: note({ stopping: true, handover: true, pid: 1 }),
      exposePorts: note({ ...CHANGED, device: '1', exposedPorts: [] }),
      metrics: note('up 1\n'),
    });
    await client.addRule({ hostname: 'a.example.com', destination: 'http://127.0.0.1:1', originRequest: { noTLSVerify: true } });
    await client.removeRule({ hostname: 'a.example.com', path: '/ä?&', dryRun: true });
    await client.rollback();
    await client.stopDaemon({ handover: true });
    await client.exposePorts({ id: '5/../9', ports: null });
    expect(await client.metrics()).toBe('up 1\n');
    expect(seen).toEqual([
      { hostname: 'a.example.com', destination: 'http://127.0.0.1:1', originRequest: { noTLSVerify: true } },
      { hostname: 'a.example.com', path: '/ä?&', dryRun: true },
      {},
      { handover: true },
      { id: '5/../9', ports: null },
      {},
    ]);
  });

  test('with the revision that it must not have missed', async () => {
    const client = await connectTo({
      replaceForwarding: (_request, { ifMatch }) => (ifMatch === 7 ? Promise.resolve(CHANGED) : Promise.reject(new SupervisorError('REVISION_CHANGED', 'it is 7'))),
    });
    await expect(client.replaceForwarding({ rules: [] }, { ifMatch: 6 })).rejects.toMatchObject({ code: 'REVISION_CHANGED' });
    expect(await client.replaceForwarding({ rules: [] }, { ifMatch: 7 })).toEqual(CHANGED);
  });

  test('and errors come back whole', async () => {
    const problems = [{ rule: 1, field: 'path', code: 'PATH_INVALID', message: 'must begin with /' }];
    const client = await connectTo({ addRule: () => Promise.reject(new SupervisorError('FORWARDING_INVALID', 'wrong', { hint: 'mend', problems })) });
    await expect(client.addRule({ hostname: 'a', destination: 'b' })).rejects.toMatchObject({ code: 'FORWARDING_INVALID', message: 'wrong', hint: 'mend', problems });
  });
});

describe('a daemon that is not there', () => {
  test('is unreachable, and the error says what to type', async () => {
    const client = createClient({ socketPath: join(tmpdir(), 'no-such.sock') });
    await expect(client.status()).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE', hint: expect.stringContaining('up') as unknown });
  });

  test('a path that no socket can have is refused, and not cut off', async () => {
    await expect(createClient({ socketPath: `/${'x'.repeat(107)}` }).status()).rejects.toMatchObject({ code: 'PATH_TOO_LONG' });
  });

  test.each<[string, (socket: Socket) => void]>([
    ['hangs', (socket) => socket.resume()],
    ['closes', (socket) => socket.destroy()],
    ['dies in the middle of its answer', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{')],
    ['speaks something else', (socket) => socket.end('SSH-2.0\r\n')],
  ])('one that %s is unreachable too', async (_name, onConnection) => {
    const client = createClient({ socketPath: await serveStrangely(onConnection), readTimeoutMs: 100 });
    await expect(client.status()).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
  });

  test('an error of a newer daemon keeps its words', async () => {
    const body = JSON.stringify({ code: 'MOON_FULL', message: 'wait', hint: 'a week', problems: [] });
    const client = createClient({ socketPath: await serveStrangely((socket) => socket.end(`HTTP/1.1 500 x\r\ncontent-length: ${body.length}\r\n\r\n${body}`)) });
    await expect(client.status()).rejects.toMatchObject({ code: 'INTERNAL_FAULT', message: 'MOON_FULL: wait', hint: 'a week' });
  });
});

describe('events', () => {
  const event = (seq: number): EventLine => ({ seq, at: '', type: 'daemon.warned', data: { code: 'X', message: String(seq) } });

  /** A daemon that sends two events a connection, and then drops it. */
  const dropAfterTwo = (sinces: (number | undefined)[]): Partial<Handlers> => ({
    events: async ({ since }, writer) => {
      sinces.push(since);
      const start = since ?? 10;
      writer.write(event(start + 1));
      writer.write(event(start + 2));
      await writer.drained();
      writer.end();
    },
  });

  test('go on after a lost connection, each once', async () => {
    const sinces: (number | undefined)[] = [];
    const client = await connectTo(dropAfterTwo(sinces));
    const stop = new AbortController();
    const seen: number[] = [];
    let losses = 0;
    const clock = { now: () => 0, monotonic: () => 0, sleep: (ms: number, signal?: AbortSignal) => (ms < 45_000 ? Promise.resolve() : untilAborted(signal)) };
    for await (const line of client.events({ reconnect: true, signal: stop.signal, clock, onLost: () => (losses += 1) })) {
      seen.push(line.seq);
      if (seen.length === 6) stop.abort();
    }
    expect(seen).toEqual([11, 12, 13, 14, 15, 16]);
    expect(sinces).toEqual([undefined, 12, 14]);
    expect(losses).toBe(2);
  });

  test('end with their connection where nobody wants more', async () => {
    const client = await connectTo(dropAfterTwo([]));
    const seen: number[] = [];
    for await (const line of client.events({ since: 3 })) seen.push(line.seq);
    expect(seen).toEqual([4, 5]);
  });

  test('a silent daemon is given up', async () => {
    const client = await connectTo({ events: (_request, writer) => untilAborted(writer.gone).catch(() => undefined) });
    const clock = { now: () => 0, monotonic: () => 0, sleep: () => Promise.resolve() };
    await expect(client.events({ clock }).next()).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE', message: expect.stringContaining('nothing for 45 s') as unknown });
  });

  test('leaving closes the connection', async () => {
    let closed: Promise<void> | undefined;
    const client = await connectTo({
      events: (_request, writer) => {
        writer.write(event(1));
        closed = untilAborted(writer.gone).catch(() => undefined);
        return closed;
      },
    });
    for await (const line of client.events()) {
      expect(line.seq).toBe(1);
      break;
    }
    await closed;
    expect(closed).toBeDefined();
  });
});

const untilAborted = (signal: AbortSignal | undefined): Promise<void> =>
  new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));
