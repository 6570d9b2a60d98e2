import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONNECTOR_KINDS } from './connectors.js';
import { type EdgeWorld, openEdgeWorld } from './edge-world.js';
import type { Origin } from './origin.js';
import { RawVisitor, visit } from './visitor.js';

describe.each(CONNECTOR_KINDS)('a visitor through $name', ({ start, available }) => {
  describe.skipIf(!available)('and the edge', () => {
    let world: EdgeWorld;
    let origin: Origin;
    let port: number;

    beforeAll(async () => {
      world = await openEdgeWorld();
      origin = await world.startOrigin();
      await world.connect(start, origin.url);
      port = world.front.port;
    });
    afterAll(() => world.close());

    it('gets what the origin answers, and the origin what the visitor asks', async () => {
      const answer = await visit(port, '/echo?a=1&b=%20', { method: 'PUT', body: 'hello', headers: { 'X-Thing': 'a', cookie: ['c=1', 'd=2'], 'X-Forwarded-For': '192.0.2.9' } });
      expect(answer).toMatchObject({ outcome: 'whole', status: 201 });
      expect(answer.body.toString()).toBe('hello');
      expect(answer.headers).toMatchObject({ 'set-cookie': ['a=1', 'b=2'], server: 'cloudflare' });
      const seen = JSON.parse(String(answer.headers['x-seen'])) as { method: string; url: string; headers: Record<string, string> };
      expect(seen).toMatchObject({ method: 'PUT', url: '/echo?a=1&b=%20' });
      expect(seen.headers).toMatchObject({
        host: 'app.example.com', 'x-thing': 'a', cookie: 'c=1; d=2', 'content-length': '5',
        'x-forwarded-for': '192.0.2.9,127.0.0.1', 'x-forwarded-proto': 'http', 'cf-connecting-ip': '127.0.0.1', 'cdn-loop': 'cloudflare; loops=1',
      });
      expect(seen.headers['cf-ray']).toBe(answer.headers['cf-ray']);
    });

    it('cannot speak for the edge', async () => {
      const answer = await visit(port, '/echo', { headers: { 'Cf-Cloudflared-Proxy-Connection-Upgrade': 'update-configuration', 'Cf-Cloudflared-Proxy-Src': 'x', 'CF-Connecting-IP': '192.0.2.1', 'X-Forwarded-Proto': 'https' } });
      const seen = JSON.parse(String(answer.headers['x-seen'])) as { headers: Record<string, string> };
      expect(seen.headers).toMatchObject({ 'cf-connecting-ip': '127.0.0.1', 'x-forwarded-proto': 'http' });
      expect(Object.keys(seen.headers).filter((name) => name.startsWith('cf-cloudflared'))).toEqual([]);
    });

    it('gets no body where HTTP has none', async () => {
      expect(await visit(port, '/big?bytes=1000', { method: 'HEAD' })).toMatchObject({ outcome: 'whole', status: 200, headers: { 'content-length': '1000' }, body: Buffer.alloc(0) });
      expect(await visit(port, '/empty')).toMatchObject({ outcome: 'whole', status: 204, body: Buffer.alloc(0) });
    });

    it('gets and sends large bodies whole', async () => {
      const body = randomBytes(5_000_000);
      const [download, upload] = await Promise.all([visit(port, '/big?bytes=20000000'), visit(port, '/digest', { method: 'POST', body })]);
      expect([download.outcome, download.body.byteLength]).toEqual(['whole', 20_000_000]);
      expect(upload.body.toString()).toBe(createHash('sha256').update(body).digest('hex'));
    });

    it('gets a stream as it comes', async () => {
      let sawFirst = (): void => undefined;
      const first = new Promise<string>((resolve) => {
        sawFirst = () => resolve('first');
      });
      const whole = visit(port, '/stream?ms=300', { onBody: () => sawFirst() });
      expect(await Promise.race([first, whole])).toBe('first');
      expect((await whole).body.toString()).toBe('origin..........END');
    });

    it('sees that a body was cut, whatever its kind', async () => {
      const [chunked, counted] = [await visit(port, '/cut'), await visit(port, '/cut-length')];
      expect([chunked.outcome, chunked.body.toString()]).toEqual(['cut', 'half of ']);
      expect([counted.outcome, counted.status]).toEqual(['cut', 200]);
      expect(counted.body.byteLength).toBeLessThan(200_000);
      const plain = new RawVisitor(port);
      plain.socket.write('GET /cut HTTP/1.0\r\nHost: app.example.com\r\n\r\n');
      expect(await plain.untilClosed()).toBe('reset');
    });

    it('gets the answer that comes before its body was read', async () => {
      for (const bytes of [0, 3, 5_000_000]) {
        const answer = await visit(port, `/early?bytes=${bytes}`, { method: 'POST', body: Buffer.alloc(3_000_000) });
        expect([answer.outcome, answer.status, answer.body.byteLength]).toEqual(['whole', 413, bytes]);
      }
    });

    it('that leaves is told to the origin', async () => {
      const before = origin.aborted;
      const visitor = new RawVisitor(port);
      visitor.socket.write('GET /hang HTTP/1.1\r\nHost: app.example.com\r\n\r\n');
      await visitor.untilSeen('begun');
      visitor.socket.destroy();
      await expect.poll(() => origin.aborted).toBe(before + 1);
    });

    it('that leaves in the middle of an upload has not sent all of it', async () => {
      const before = { aborted: origin.aborted, digests: origin.digests };
      const activeRequests = (): number => world.edge.connections().reduce((sum, connection) => sum + connection.activeRequests, 0);
      await expect.poll(activeRequests).toBe(0);
      const visitor = new RawVisitor(port);
      visitor.socket.write('POST /digest HTTP/1.1\r\nHost: app.example.com\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
      await expect.poll(() => origin.uploading).toBe(1);
      visitor.socket.destroy();
      await expect.poll(() => origin.aborted).toBe(before.aborted + 1);
      await expect.poll(activeRequests).toBe(0);
      expect(origin.digests).toBe(before.digests);
    });

    it('speaks through a WebSocket both ways, and ends it in order', async () => {
      const visitor = new RawVisitor(port).upgrade('/socket');
      const handshake = await visitor.untilSeen('\r\n\r\n');
      expect(handshake).toMatch(/^HTTP\/1\.1 101 /u);
      expect(handshake).toMatch(/^sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r$/imu);
      expect(handshake).toMatch(/^sec-websocket-protocol: chat\r$/imu);
      visitor.socket.write('ping ');
      await visitor.untilSeen('ping ');
      const large = 'x'.repeat(1_000_000);
      visitor.socket.write(`${large}y`);
      await visitor.untilSeen(`${large}y`);
      visitor.socket.end();
      expect(await visitor.untilClosed()).toBe('ended');
      await expect.poll(() => origin.upgraded.size).toBe(0);
    });

    it('is told of a WebSocket that is declined', async () => {
      const visitor = new RawVisitor(port).upgrade('/declined');
      await visitor.untilClosed();
      expect(visitor.seen).toMatch(/^HTTP\/1\.1 403 /u);
      expect(visitor.seen).toMatch(/^x-why: because\r$/imu);
      expect(visitor.seen).toContain('declined');
    });

    it('may offer another protocol, and is answered in this one', async () => {
      const answer = await visit(port, '/echo', { headers: { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAAQAAP__' } });
      expect([answer.outcome, answer.status]).toEqual(['whole', 201]);
    });
  });

  it.skipIf(!available)('gets 502 where the origin is down', async () => {
    const world = await openEdgeWorld();
    const origin = await world.startOrigin();
    await world.connectOne(start, origin.url);
    await origin.close();
    const answer = await visit(world.front.port, '/');
    expect([answer.outcome, answer.status, answer.body.toString()]).toEqual(['whole', 502, 'error code: 502\n']);
    expect((await visit(world.front.port, '/', { method: 'POST', body: 'x' })).status).toBe(502);
    const socket = new RawVisitor(world.front.port).upgrade('/socket');
    await socket.untilClosed();
    expect(socket.seen).toMatch(/^HTTP\/1\.1 502 /u);
    await world.close();
  });
});

describe('a visitor whom no connector can serve', () => {
  it('is told so in the words of Cloudflare', async () => {
    const world = await openEdgeWorld();
    const { port } = world.front;
    expect(await visit(port, '/', { host: 'nobody.example.com' })).toMatchObject({ status: 530, body: Buffer.from('error code: 1016\n') });
    expect(await visit(port, '/', { host: 'App.Example.com.:8080' })).toMatchObject({ status: 530, body: Buffer.from('error code: 1033\n') });
    expect(await visit(port, '/', { host: 'elsewhere.example.com' })).toMatchObject({ status: 523 });
    const nameless = new RawVisitor(port);
    nameless.socket.write('GET / HTTP/1.0\r\n\r\n');
    expect(await nameless.untilSeen('error code')).toMatch(/^HTTP\/1\.1 400 /u);
    const page = await visit(port, '/', { headers: { accept: 'text/html,*/*' } });
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.body.toString()).toContain('Error 1033');
    const socket = new RawVisitor(port).upgrade('/');
    await socket.untilClosed();
    expect(socket.seen).toMatch(/^HTTP\/1\.1 530 /u);
    expect((await visit(port, '/', { method: 'POST', body: Buffer.alloc(3_000_000) })).status).toBe(530);
    await world.close();
  });
});
