import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';

import { describe, expect, test, type TestContext } from 'vitest';

import { createCertificateAuthority } from '../../src/sandbox/certificates.js';
import { Connector, type ConnectorOptions } from './connector.js';
import { startOrigin } from './origin.js';
import { describeContract } from './programs.js';
import { Scratch } from './scratch.js';
import { useSandbox } from './use-sandbox.js';
import { firstBytes, nameFor, openVisit, readAnswer, visit, type Answer } from './visitor.js';
import { maskedFrame, openWebSocket } from './websocket.js';

const sandbox = useSandbox();

interface Told {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}
const told = (answer: Answer): Told => JSON.parse(answer.body) as Told;

describeContract('forwarding', (program) => {
  async function serve(context: TestContext, ingress: readonly object[], options: ConnectorOptions = {}): Promise<Connector> {
    const connector = new Connector(program, sandbox(), context, { config: { ingress }, flags: ['--ha-connections', '1'], ...options });
    await connector.untilConnected();
    return connector;
  }

  test('the first rule that matches name and path serves', async (context) => {
    const tunnelless = await serve(context, [
      { hostname: 'exact.example.com', path: '^/api(/|$)', service: 'http_status:201' },
      { hostname: 'exact.example.com', service: 'http_status:202' },
      { hostname: 'UPPER.example.com', service: 'http_status:203' },
      { hostname: '*.example.com', path: '\\.PNG$', service: 'http_status:205' },
      { hostname: '*.example.com', path: '(?i)\\.png$', service: 'http_status:206' },
      { hostname: '*.example.com', path: '^/a b/ü$', service: 'http_status:207' },
      { hostname: '*.example.com', service: 'http_status:208' },
      { service: 'http_status:404' },
    ]);
    const ask = async (hostname: string, path: string): Promise<number> => {
      const stream = sandbox().edge.openRequest(tunnelless.tunnel.id, { ':method': 'GET', ':path': path, ':authority': hostname, ':scheme': 'https' }, true);
      if (stream === undefined) throw new Error('No connector serves.');
      stream.resume();
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
      return Number(headers[':status']);
    };
    expect(await ask('exact.example.com', '/api')).toBe(201);
    expect(await ask('exact.example.com', '/api/x?y')).toBe(201);
    expect(await ask('exact.example.com', '/apix')).toBe(202);
    expect(await ask('exact.example.com:8080', '/api')).toBe(201);
    expect(await ask('upper.example.com', '/')).toBe(203);
    expect(await ask('x.example.com', '/A.PNG')).toBe(205);
    expect(await ask('x.example.com', '/a.png')).toBe(206);
    expect(await ask('x.example.com', '/a.png?.PNG')).toBe(206);
    expect(await ask('x.example.com', '/a%20b/%C3%BC')).toBe(207);
    expect(await ask('x.example.com', '/')).toBe(208);
    expect(await ask('x.y.example.com', '/')).toBe(208);
    expect(await ask('example.com', '/')).toBe(404);
    expect(await ask('exact.example.com.', '/')).toBe(404);
  });

  describe.concurrent('an HTTP origin', () => {
    test('gets method, path, headers and body, and its answer comes back', async (context) => {
      const origin = await startOrigin(context);
      const connector = await serve(context, [{ service: `http://127.0.0.1:${origin.port}` }]);
      const hostname = nameFor(sandbox(), connector.tunnel);
      const answer = await visit(sandbox(), hostname, { method: 'POST', path: '/echo?a=%20b', headers: { 'X-Own': 'Yes', 'User-Agent': 'test' }, body: 'hello' });
      expect(answer).toMatchObject({ status: 200, isComplete: true });
      expect(answer.headers).toMatchObject({ 'x-origin': 'yes', 'set-cookie': ['a=1', 'b=2'], 'content-type': 'application/json' });
      expect(told(answer)).toMatchObject({ method: 'POST', path: '/echo?a=%20b', body: 'hello' });
      const { headers } = told(answer);
      expect(headers).toMatchObject({ host: hostname, 'x-own': 'Yes', 'user-agent': 'test', 'content-length': '5', connection: 'keep-alive' });
      expect(headers['cf-warp-tag-id']).toBe((JSON.parse((await connector.get('/ready')).body) as { connectorId: string }).connectorId);
      expect(headers['x-forwarded-host']).toBeUndefined();
    });

    test('gets a body of unknown length in chunks', async (context) => {
      const origin = await startOrigin(context);
      const connector = await serve(context, [{ service: `http://127.0.0.1:${origin.port}` }]);
      const body = 'x'.repeat(300_000);
      const answer = told(await visit(sandbox(), nameFor(sandbox(), connector.tunnel), { method: 'PUT', headers: { 'Transfer-Encoding': 'chunked' }, body }));
      expect(answer.headers).toMatchObject({ 'transfer-encoding': 'chunked' });
      expect(answer.body).toBe(body);
    });

    test('streams: what it has written arrives before it ends', async (context) => {
      const origin = await startOrigin(context);
      const connector = await serve(context, [{ service: `http://127.0.0.1:${origin.port}` }]);
      const asking = openVisit(sandbox(), nameFor(sandbox(), connector.tunnel), { path: '/stream' });
      const answer = readAnswer(asking);
      const first = firstBytes(asking);
      asking.end();
      expect(await first).toBe('first ');
      origin.release('/stream');
      expect(await answer).toMatchObject({ body: 'first released', isComplete: true });
    });

    test('may answer without a body', async (context) => {
      const origin = await startOrigin(context);
      const connector = await serve(context, [{ service: `http://127.0.0.1:${origin.port}` }]);
      const hostname = nameFor(sandbox(), connector.tunnel);
      for (const status of [204, 304, 404]) expect(await visit(sandbox(), hostname, { path: `/status/${status}` })).toMatchObject({ status, body: '', isComplete: true });
      expect(await visit(sandbox(), hostname, { method: 'HEAD', path: '/status/200' })).toMatchObject({ status: 200, headers: { 'content-length': '5' }, body: '', isComplete: true });
    });

    test('that is down: 502, said by the connector', async (context) => {
      const connector = await serve(context, [{ service: 'http://127.0.0.1:1' }]);
      expect((await visit(sandbox(), nameFor(sandbox(), connector.tunnel))).status).toBe(502);
      await connector.untilLogged('failed to serve incoming request');
      expect(connector.log.find((line) => line.error?.startsWith('Unable to reach the origin service.'))).toMatchObject({ level: 'error' });
      expect(await connector.metric('cloudflared_tunnel_request_errors')).toBe(1);
    });

    test('that breaks off: the answer breaks off', async (context) => {
      const origin = await startOrigin(context);
      const connector = await serve(context, [{ service: `http://127.0.0.1:${origin.port}` }]);
      const answer = visit(sandbox(), nameFor(sandbox(), connector.tunnel), { path: '/stream' });
      await origin.untilWaiting('/stream');
      origin.server.closeAllConnections();
      expect((await answer).isComplete).toBe(false);
    });

    test('with httpHostHeader: the name that it wants, and the visitor\'s beside it', async (context) => {
      const origin = await startOrigin(context);
      const connector = await serve(context, [{ service: `http://127.0.0.1:${origin.port}`, originRequest: { httpHostHeader: 'inside.local' } }]);
      const hostname = nameFor(sandbox(), connector.tunnel);
      expect(told(await visit(sandbox(), hostname)).headers).toMatchObject({ host: 'inside.local', 'x-forwarded-host': hostname });
    });

    test('behind a unix socket, plain and with TLS', async (context) => {
      const authority = await createCertificateAuthority();
      const { directory, write } = ((scratch: Scratch) => ({ directory: scratch.directory, write: scratch.write.bind(scratch) }))(new Scratch(context));
      await startOrigin(context, { path: join(directory, 'plain') });
      await startOrigin(context, { path: join(directory, 'tls') }, await authority.issue({ names: ['origin.test'] }));
      const connector = await serve(context, [
        { path: '^/tls', service: `unix+tls:${join(directory, 'tls')}`, originRequest: { originServerName: 'origin.test', caPool: write('ca.pem', authority.pem) } },
        { service: `unix:${join(directory, 'plain')}` },
      ]);
      const hostname = nameFor(sandbox(), connector.tunnel);
      expect(told(await visit(sandbox(), hostname, { path: '/plain' }))).toMatchObject({ path: '/plain', headers: { host: hostname } });
      expect(told(await visit(sandbox(), hostname, { path: '/tls' }))).toMatchObject({ path: '/tls' });
    });
  });

  test('an HTTPS origin is checked: by address, by name, by pool, or not at all', async (context) => {
    const authority = await createCertificateAuthority();
    const origin = await startOrigin(context, undefined, await authority.issue({ names: ['origin.test', 'localhost'] }));
    const caPool = new Scratch(context).write('ca.pem', authority.pem);
    const service = `https://127.0.0.1:${origin.port}`;
    const connector = await serve(context, [
      { path: '^/unchecked', service, originRequest: { noTLSVerify: true } },
      { path: '^/untrusted', service: `https://localhost:${origin.port}` },
      { path: '^/wrong-name', service, originRequest: { caPool } },
      { path: '^/named', service, originRequest: { caPool, originServerName: 'origin.test' } },
      { path: '^/localhost', service: `https://localhost:${origin.port}`, originRequest: { caPool } },
      { service: 'http_status:404' },
    ]);
    const hostname = nameFor(sandbox(), connector.tunnel);
    const status = async (path: string): Promise<number> => (await visit(sandbox(), hostname, { path })).status;
    expect(await status('/unchecked')).toBe(200);
    expect(await status('/untrusted')).toBe(502);
    expect(await status('/wrong-name')).toBe(502);
    expect(await status('/named')).toBe(200);
    expect(await status('/localhost')).toBe(200);
  });

  test('hello_world answers by itself, http_status with its code', async (context) => {
    const connector = await serve(context, [{ path: '^/418', service: 'http_status:418' }, { path: '^/999', service: 'http_status:599' }, { service: 'hello_world' }]);
    const hostname = nameFor(sandbox(), connector.tunnel);
    expect(await visit(sandbox(), hostname, { path: '/418' })).toMatchObject({ status: 418, body: '' });
    expect(await visit(sandbox(), hostname, { path: '/999' })).toMatchObject({ status: 599 });
    expect(await visit(sandbox(), hostname, { path: '/_health' })).toMatchObject({ status: 200, body: 'ok' });
    expect((await visit(sandbox(), hostname)).headers['content-type']).toMatch(/^text\/html/u);
  });

  test('a name with access is closed to who brings no token', async (context) => {
    const connector = await serve(context, [{ service: 'http_status:200', originRequest: { access: { required: true, teamName: 'team', audTag: ['x'] } } }]);
    expect((await visit(sandbox(), nameFor(sandbox(), connector.tunnel))).status).toBe(403);
  });

  describe.concurrent('a WebSocket', () => {
    test.for(['http', 'ws'])('to an origin of %s passes bytes both ways', async (scheme, context) => {
      const origin = await startOrigin(context);
      const connector = await serve(context, [{ service: `${scheme}://127.0.0.1:${origin.port}` }]);
      const socket = await openWebSocket(sandbox(), nameFor(sandbox(), connector.tunnel));
      expect(socket.response.headers['sec-websocket-accept']).toMatch(/^.{28}$/u);
      socket.send(Buffer.from('there and back'));
      expect((await socket.read(14)).toString()).toBe('there and back');
      socket.socket.destroy();
    });

    test('to a TCP origin carries its bytes in messages', async (context) => {
      const server = createServer((socket) => socket.on('error', () => socket.destroy()).pipe(socket)).listen(0, '127.0.0.1');
      await once(server, 'listening');
      context.onTestFinished(() => void server.close());
      const address = server.address();
      const connector = await serve(context, [{ service: `tcp://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}` }]);
      const socket = await openWebSocket(sandbox(), nameFor(sandbox(), connector.tunnel));
      socket.send(maskedFrame(Buffer.from('ping over tcp')));
      expect(await socket.read(2)).toEqual(Buffer.from([0x82, 13]));
      expect((await socket.read(13)).toString()).toBe('ping over tcp');
      socket.socket.destroy();
    });

    test('to a TCP origin that is down: 502', async (context) => {
      const connector = await serve(context, [{ service: 'tcp://127.0.0.1:1' }]);
      await expect(openWebSocket(sandbox(), nameFor(sandbox(), connector.tunnel))).rejects.toThrow('The answer is 502.');
    });
  });
});
