import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openConnection } from '../../../src/sandbox/edge/connector-side/open-connection.js';
import { type EdgeWorld, openEdgeWorld } from './edge-world.js';
import { RawVisitor, visit } from './visitor.js';

describe('visitors that do not behave', () => {
  let world: EdgeWorld;
  let port: number;

  beforeAll(async () => {
    world = await openEdgeWorld();
    port = world.front.port;
    const [host = '', edgePort = ''] = world.setup.edgeAddress.split(':');
    await openConnection({
      edge: { host, port: Number(edgePort) },
      ca: world.ca,
      tunnelId: world.setup.tunnelId,
      accountTag: '',
      tunnelSecret: new Uint8Array(),
      connIndex: 0,
      connector: { connectorId: randomUUID(), version: '1', arch: 'x', features: [] },
      onRequest: (request) => {
        const body = request.respond(request.kind === 'websocket' ? 101 : 200, request.kind === 'websocket' ? [['Upgrade', 'websocket']] : []);
        body.end(request.method === 'HEAD' ? undefined : 'ok');
      },
    });
  });
  afterAll(() => world.close());

  const stillServes = async (): Promise<void> => {
    expect(await visit(port, '/')).toMatchObject({ outcome: 'whole', status: 200, body: Buffer.from('ok') });
  };

  const token = fc.string({ unit: fc.constantFrom(...'abcXYZ-_019!#$%&*.^`|~'.split('')), minLength: 1, maxLength: 12 });
  const value = fc.string({ unit: fc.oneof(fc.integer({ min: 0x20, max: 0x7e }), fc.integer({ min: 0x80, max: 0xff })).map((code) => String.fromCodePoint(code)), maxLength: 30 });
  const name = fc.oneof(token, fc.constantFrom('__proto__', 'constructor', 'cookie', 'user-agent', 'authorization', 'content-type', 'te', 'upgrade', 'connection', 'host', 'x-forwarded-for', 'cdn-loop', 'cf-ray'));

  it('with any headers, repeated as they like, are answered', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('GET', 'HEAD', 'OPTIONS', 'DELETE', 'PROPFIND'), value, fc.array(fc.tuple(name, value), { maxLength: 12 }), async (method, path, headers) => {
        const visitor = new RawVisitor(port);
        const lines = headers.map(([key, text]) => `${key}: ${text}\r\n`).join('');
        visitor.socket.write(Buffer.from(`${method} /${path.replaceAll(' ', '')} HTTP/1.1\r\nHost: app.example.com\r\n${lines}\r\n`, 'latin1'));
        expect(await visitor.untilSeen('\r\n\r\n')).toMatch(/^HTTP\/1\.1 (?:101|200|400|502|530) /u);
        visitor.socket.destroy();
      }),
      { numRuns: 400 },
    );
    await stillServes();
  });

  it('with any bytes do no harm', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.constantFrom('GET / HTTP/1.1\r\nHost: app.example.com\r\n', '\r\n', 'Upgrade: websocket\r\nConnection: upgrade\r\n', 'Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', 'ffffffff\r\n')), { maxLength: 8 }), async (pieces) => {
        const visitor = new RawVisitor(port);
        for (const piece of pieces) visitor.socket.write(piece);
        visitor.socket.end();
        await once(visitor.socket, 'close');
      }),
      { numRuns: 400 },
    );
    await stillServes();
  });

  it('that never read hold up nobody else', async () => {
    const idle = Array.from({ length: 50 }, () => new RawVisitor(port));
    for (const visitor of idle) visitor.socket.pause().write('GET / HTTP/1.1\r\nHost: app.example.com\r\n\r\n'.repeat(50));
    await stillServes();
    for (const visitor of idle) visitor.socket.destroy();
    await stillServes();
  });

  it('that ask for a whole URL, as of a proxy, are answered', async () => {
    const visitor = new RawVisitor(port);
    visitor.socket.write('GET http://app.example.com?x=1 HTTP/1.1\r\nHost: app.example.com\r\n\r\n');
    expect(await visitor.untilSeen('ok')).toMatch(/^HTTP\/1\.1 200 /u);
    visitor.socket.destroy();
  });
});
