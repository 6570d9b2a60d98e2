import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { openConnection } from '../../../src/sandbox/edge/connector-side/open-connection.js';
import { EdgeUnreachable, type OpenConnectionOptions, RegistrationRejected } from '../../../src/sandbox/edge/connector-side/ports.js';
import type { Authorize, RegistrationRequest } from '../../../src/sandbox/edge/ports.js';
import { CONNECTOR_KINDS, startLibraryConnector } from './connectors.js';
import { type EdgeWorld, openEdgeWorld } from './edge-world.js';
import { RawVisitor, visit } from './visitor.js';

const worlds: EdgeWorld[] = [];
const openWorld = async (authorize?: Authorize): Promise<EdgeWorld> => {
  const world = await openEdgeWorld(authorize);
  worlds.push(world);
  return world;
};

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

const dialOptions = (world: EdgeWorld, more: Partial<OpenConnectionOptions> = {}): OpenConnectionOptions => {
  const [host = '', port = ''] = world.setup.edgeAddress.split(':');
  return {
    edge: { host, port: Number(port) },
    ca: world.ca,
    tunnelId: world.setup.tunnelId,
    accountTag: world.setup.accountTag,
    tunnelSecret: world.setup.tunnelSecret,
    connIndex: 0,
    connector: { connectorId: randomUUID(), version: '1', arch: 'linux_amd64', features: [] },
    onRequest: (request) => request.respond(200, [['content-length', '2']]).end('ok'),
    ...more,
  };
};

describe.each(CONNECTOR_KINDS)('a connector ($name)', ({ start, available }) => {
  it.skipIf(!available)('registers four connections, reports its configuration and unregisters', async () => {
    const asked: RegistrationRequest[] = [];
    const world = await openWorld((request) => {
      asked.push(request);
      return { kind: 'accept' };
    });
    const connector = await world.connect(start, 'http://127.0.0.1:9');
    const connections = world.edge.connections(world.setup.tunnelId);
    expect(connections.map(({ connIndex, originIp, state }) => ({ connIndex, originIp, state }))).toEqual([0, 1, 2, 3].map((connIndex) => ({ connIndex, originIp: '127.0.0.1', state: 'serving' })));
    expect(new Set(connections.map((connection) => connection.connector.connectorId)).size).toBe(1);
    expect(connections[0]?.connector.features).toContain('serialized_headers');
    expect(world.edge.connections(randomUUID())).toEqual([]);
    expect(asked.map(({ accountTag, tunnelSecret }) => [accountTag, Buffer.from(tunnelSecret)])).toEqual(Array.from({ length: 4 }, () => ['account', world.setup.tunnelSecret]));
    expect(world.events.find((event) => event.type === 'configuration.reported')).toMatchObject({ config: { ingress: [{ service: 'http://127.0.0.1:9' }] } });

    await connector.stop();
    await world.edge.waitUntil((all) => all.length === 0);
    const types = world.events.map(({ type }) => type);
    for (const type of ['connection.registered', 'connection.unregistered', 'connection.closed'] as const) expect(types.filter((one) => one === type)).toHaveLength(4);
  });

  it.skipIf(!available)('that stops finishes what it has and gets nothing new', async () => {
    const world = await openWorld();
    const origin = await world.startOrigin();
    const connector = await world.connect(start, origin.url);
    const slow = visit(world.front.port, '/slow?ms=700');
    const socket = new RawVisitor(world.front.port).upgrade('/socket');
    await socket.untilSeen('\r\n\r\n');
    await expect.poll(() => world.edge.connections().reduce((sum, { activeRequests }) => sum + activeRequests, 0)).toBe(2);
    const stopped = connector.stop();
    await world.edge.waitUntil((all) => all.every(({ state }) => state === 'draining'));
    expect((await visit(world.front.port, '/')).status).toBe(530);
    socket.socket.write('still here');
    await socket.untilSeen('still here');
    expect(await slow).toMatchObject({ outcome: 'whole', status: 200 });
    socket.socket.end();
    await stopped;
    await world.edge.waitUntil((all) => all.length === 0);
  });

  it.skipIf(!available)('that is killed cuts what it has, at once', async () => {
    const world = await openWorld();
    const origin = await world.startOrigin();
    const connector = await world.connect(start, origin.url);
    const [stream, socket] = [visit(world.front.port, '/hang', { onBody: () => connector.kill() }), new RawVisitor(world.front.port).upgrade('/socket')];
    await socket.untilSeen('\r\n\r\n');
    expect((await stream).outcome).toBe('cut');
    expect(await socket.untilClosed()).toBe('reset');
    await world.edge.waitUntil((all) => all.length === 0);
    expect((await visit(world.front.port, '/')).status).toBe(530);
  });
});

describe.skipIf(CONNECTOR_KINDS.every(({ name, available }) => name !== 'cloudflared' || !available))('cloudflared', () => {
  const start = CONNECTOR_KINDS.find(({ name }) => name === 'cloudflared')?.start ?? startLibraryConnector;

  it('comes back after its connections were dropped', async () => {
    const world = await openWorld();
    const origin = await world.startOrigin();
    await world.connectOne(start, origin.url);
    const before = new Set(world.edge.connections().map(({ id }) => id));
    expect(world.edge.drop(({ tunnelId }) => tunnelId === world.setup.tunnelId)).toBe(before.size);
    await world.edge.waitUntil((all) => all.some(({ id, state }) => !before.has(id) && state === 'serving'));
    expect((await visit(world.front.port, '/')).status).toBe(200);
  });

  it('goes on asking when it is unauthorized, and gives up at another rejection', async () => {
    const causes = ['Unauthorized: Tunnel not found', 'the quota is used up'];
    const left = [...causes];
    const world = await openWorld(() => ({ kind: 'reject', cause: left.shift() ?? 'asked again' }));
    const connector = await start({ ...world.setup, originUrl: 'http://127.0.0.1:9' });
    await expect(connector.ended).resolves.toBe(1);
    expect(world.events.map((event) => event.type === 'connection.rejected' && event.cause)).toEqual(causes);
  });
});

describe('a registration', () => {
  it('that is rejected says why, and whether to come again', async () => {
    const verdicts = [{ kind: 'reject', cause: 'Unauthorized: no' }, { kind: 'reject', cause: 'busy', retryAfterMs: 1500 }] as const;
    let turn = 0;
    const world = await openWorld(() => verdicts[turn++] ?? { kind: 'accept' });
    await expect(openConnection(dialOptions(world))).rejects.toMatchObject({ name: 'RegistrationRejected', message: 'Unauthorized: no', retryAfterMs: undefined });
    await expect(openConnection(dialOptions(world))).rejects.toMatchObject({ name: 'RegistrationRejected', message: 'busy', retryAfterMs: 1500 });
    expect((await openConnection(dialOptions(world))).location).toBe('LAX');
  });

  it('that cannot be decided is answered with the failure', async () => {
    const world = await openWorld(() => Promise.reject(new Error('the store is gone')));
    await expect(openConnection(dialOptions(world))).rejects.toThrow(RegistrationRejected);
    await expect(openConnection(dialOptions(world))).rejects.toThrow('the store is gone');
  });

  it('of the same connector and index takes the place of the one before, which drains', async () => {
    const world = await openWorld();
    const options = dialOptions(world, { onRequest: (request) => request.respond(200, []).write('begun') });
    const first = await openConnection(options);
    let begun = (): void => undefined;
    const hasBegun = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const held = visit(world.front.port, '/', { onBody: begun });
    await hasBegun;
    const second = await openConnection({ ...options, onRequest: (request) => request.respond(200, []).end('second') });
    expect(world.edge.connections().map(({ id, state }) => [id, state])).toEqual([[first.id, 'draining'], [second.id, 'serving']]);
    for (let round = 0; round < 4; round += 1) expect((await visit(world.front.port, '/')).body.toString()).toBe('second');
    first.destroy();
    expect((await held).outcome).toBe('cut');
  });

  it('spreads visitors over connectors by turns, and gives a new one the next visitor', async () => {
    const world = await openWorld();
    const named = (name: string): Promise<unknown> => openConnection(dialOptions(world, { onRequest: (request) => request.respond(200, []).end(name) }));
    const ask = async (): Promise<string> => (await visit(world.front.port, '/')).body.toString();
    await named('a');
    await named('b');
    expect([await ask(), await ask(), await ask(), await ask()].sort()).toEqual(['a', 'a', 'b', 'b']);
    await named('c');
    expect(await ask()).toBe('c');
  });

  it('is waited for as long as is wanted, and no longer', async () => {
    const world = await openWorld(() => new Promise(() => undefined));
    const giveUp = new AbortController();
    const opening = openConnection(dialOptions(world, { signal: giveUp.signal }));
    giveUp.abort(new Error('no more'));
    await expect(opening).rejects.toThrow('no more');
    await expect(world.edge.waitUntil((all) => all.length > 0, AbortSignal.abort(new Error('not this either')))).rejects.toThrow('not this either');
  });
});

describe('a connector that dials', () => {
  it('is refused, reset or left without a word, as the edge was told', async () => {
    const world = await openWorld();
    const lasting = await openConnection(dialOptions(world));
    for (const mode of ['refuse', 'reset'] as const) {
      await world.edge.setDialMode(mode);
      await expect(openConnection(dialOptions(world))).rejects.toBeInstanceOf(EdgeUnreachable);
    }
    await world.edge.setDialMode('blackhole');
    const socket = connect(dialOptions(world).edge);
    await once(socket, 'connect');
    const giveUp = new AbortController();
    const opening = openConnection(dialOptions(world, { signal: giveUp.signal }));
    giveUp.abort(new Error('nothing came'));
    await expect(opening).rejects.toThrow('nothing came');
    socket.destroy();
    await world.edge.setDialMode('serve');
    await openConnection(dialOptions(world, { connIndex: 1 }));
    expect(world.edge.connections().map(({ state }) => state)).toEqual(['serving', 'serving']);
    expect(world.edge.connections()[0]?.id).toBe(lasting.id);
  });

  it('with another authority does not trust this edge', async () => {
    const [world, other] = [await openWorld(), await openWorld()];
    await expect(openConnection(dialOptions(world, { ca: other.ca }))).rejects.toBeInstanceOf(EdgeUnreachable);
  });

  it('and speaks no such protocol does the edge no harm', async () => {
    const world = await openWorld();
    const { edge } = dialOptions(world);
    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\0'.repeat(100), 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n']) {
      const plain = connect(edge);
      plain.on('error', () => undefined);
      plain.write(bytes);
      await once(plain.resume(), 'close');
      const tls = connectTls({ ...edge, servername: 'h2.cftunnel.com', ca: world.ca });
      tls.on('error', () => undefined);
      tls.write(bytes);
      await once(tls.resume(), 'close');
    }
    await openConnection(dialOptions(world));
    expect((await visit(world.front.port, '/')).body.toString()).toBe('ok');
  });
});
