import { describe, expect, test, type TestContext } from 'vitest';

import { createCertificateAuthority } from '../../src/sandbox/certificates.js';
import { startEdge } from '../../src/sandbox/edge/edge.js';
import { Connector, type ConnectorOptions } from './connector.js';
import { startOrigin, type Origin } from './origin.js';
import { describeContract } from './programs.js';
import { Scratch } from './scratch.js';
import { useSandbox } from './use-sandbox.js';
import { firstBytes, nameFor, openVisit, readAnswer, visit, type Answer } from './visitor.js';
import { openWebSocket } from './websocket.js';

const sandbox = useSandbox();
const GRACEFULLY = { code: 0, signal: null };

interface Serving {
  readonly connector: Connector;
  readonly origin: Origin;
  readonly hostname: string;
  /** Begins a request that the origin holds back; resolves when it has it, of a stream when its first bytes are back. */
  readonly begin: (path: string) => Promise<{ readonly answer: Promise<Answer> }>;
}

describeContract('stopping', (program) => {
  /** With all its connections: a young connector is another matter. */
  async function serve(context: TestContext, options: ConnectorOptions = {}): Promise<Serving> {
    const origin = await startOrigin(context);
    const connector = new Connector(program, sandbox(), context, { config: { ingress: [{ service: `http://127.0.0.1:${origin.port}` }] }, ...options, flags: ['--ha-connections', '2', ...(options.flags ?? [])] });
    const hostname = nameFor(sandbox(), connector.tunnel);
    await connector.untilConnected(2);
    // The second connection is followed by a second in which nothing is listened to.
    const begin = async (path: string): Promise<{ readonly answer: Promise<Answer> }> => {
      const asking = openVisit(sandbox(), hostname, { path });
      const [first, answer] = [firstBytes(asking), readAnswer(asking)];
      asking.end();
      await (path.startsWith('/stream') ? first : origin.untilWaiting(path));
      return { answer };
    };
    return { connector, origin, hostname, begin };
  }

  test.for(['SIGTERM', 'SIGINT'] as const)('%s: unregisters at once, finishes what is in flight, ends with code 0', async (signal, context) => {
    const { connector, origin, begin } = await serve(context);
    const waiting = await begin('/wait');
    const streaming = await begin('/stream');
    connector.child.kill(signal);
    await connector.untilLogged(`Initiating graceful shutdown due to signal ${signal === 'SIGTERM' ? 'terminated' : 'interrupt'}`);
    await connector.untilLogged('Unregistered tunnel connection', 2);
    expect(connector.atEdge).toBe(0);
    await context.expect.poll(() => connector.get('/ready')).toMatchObject({ status: 503 });
    expect(connector.isAlive).toBe(true);
    origin.release('/wait');
    origin.release('/stream');
    expect(await waiting.answer).toMatchObject({ status: 200, body: 'released', isComplete: true });
    expect(await streaming.answer).toMatchObject({ status: 200, body: 'first released', isComplete: true });
    expect(await connector.ended).toEqual(GRACEFULLY);
  });

  test('with nothing in flight it is over in a moment', async (context) => {
    const { connector } = await serve(context);
    await connector.untilLogged('Registered tunnel connection', 2);
    const startedAt = performance.now();
    connector.child.kill('SIGTERM');
    expect(await connector.ended).toEqual(GRACEFULLY);
    expect(performance.now() - startedAt).toBeLessThan(2500);
  });

  test('what is longer than the grace period is cut off, and the code is 0 all the same', async (context) => {
    const { connector, begin } = await serve(context, { flags: ['--grace-period', '1500ms'] });
    const streaming = await begin('/stream');
    const waiting = await begin('/wait');
    const startedAt = performance.now();
    connector.child.kill('SIGTERM');
    expect(await connector.ended).toEqual(GRACEFULLY);
    expect(performance.now() - startedAt).toBeGreaterThan(1400);
    expect((await streaming.answer).isComplete).toBe(false);
    expect((await waiting.answer).status).toBe(502);
  });

  test('a WebSocket is waited for however long it lasts, with the metrics server gone', async (context) => {
    const { connector, begin, hostname } = await serve(context, { flags: ['--grace-period', '500ms'] });
    const socket = await openWebSocket(sandbox(), hostname);
    const { answer } = await begin('/stream');
    connector.child.kill('SIGTERM');
    expect((await answer).isComplete).toBe(false);
    await connector.untilLogged('Metrics server stopped');
    socket.send(Buffer.from('still there'));
    expect((await socket.read(11)).toString()).toBe('still there');
    expect(connector.isAlive).toBe(true);
    socket.socket.destroy();
    expect(await connector.ended).toEqual(GRACEFULLY);
  });

  test('a second SIGTERM kills, and what is in flight is lost', async (context) => {
    const { connector, begin } = await serve(context);
    const { answer } = await begin('/stream');
    connector.child.kill('SIGTERM');
    await connector.untilLogged('Unregistered tunnel connection', 2);
    connector.child.kill('SIGTERM');
    expect(await connector.ended).toEqual({ code: null, signal: 'SIGTERM' });
    expect((await answer).isComplete).toBe(false);
  });

  test('SIGHUP kills without draining', async (context) => {
    const { connector, begin } = await serve(context);
    const { answer } = await begin('/stream');
    connector.child.kill('SIGHUP');
    expect(await connector.ended).toEqual({ code: null, signal: 'SIGHUP' });
    expect(connector.logged('Unregistered tunnel connection')).toEqual([]);
    expect((await answer).isComplete).toBe(false);
  });

  describe.concurrent('a young connector', () => {
    test('registers what is missing before it ends, which takes its three seconds', async (context) => {
      const connector = new Connector(program, sandbox(), context);
      const registered = new Set<number>();
      context.onTestFinished(sandbox().edge.subscribe((event) => {
        if (event.type === 'connection.registered' && event.connection.tunnelId === connector.tunnel.id) registered.add(event.connection.connIndex);
      }));
      await connector.untilLogged('Registered tunnel connection');
      const startedAt = performance.now();
      connector.child.kill('SIGTERM');
      await connector.untilLogged('Unregistered tunnel connection');
      expect(await connector.ended).toEqual(GRACEFULLY);
      const elapsed = performance.now() - startedAt;
      expect(elapsed).toBeGreaterThan(2500);
      expect(elapsed).toBeLessThan(5000);
      expect(registered).toEqual(new Set([0, 1, 2, 3]));
      expect(connector.atEdge).toBe(0);
    });

    test('that has no connection yet ends at once', async (context) => {
      const connector = new Connector(program, sandbox(), context, { edges: ['127.0.0.1:1'] });
      await connector.untilLogged('Retrying connection');
      connector.child.kill('SIGTERM');
      expect(await connector.ended).toEqual(GRACEFULLY);
    });
  });

  test('with its edge lost it ends when its next attempt fails, at the end of the grace period at latest', async (context) => {
    const certificate = await createCertificateAuthority();
    const edge = await startEdge({ ...(await certificate.issue({ names: ['h2.cftunnel.com'] })), authorize: () => ({ kind: 'accept' }) });
    context.onTestFinished(() => edge.close());
    const cacert = new Scratch(context).write('ca.pem', certificate.pem);
    const connector = new Connector(program, sandbox(), context, { edges: edge.addresses, flags: ['--cacert', cacert, '--ha-connections', '1', '--grace-period', '2s', '--retries', '0'] });
    await connector.untilConnected();
    await edge.setDialMode('refuse');
    edge.drop(() => true);
    await connector.untilLogged('Connection terminated');
    const startedAt = performance.now();
    connector.child.kill('SIGTERM');
    expect(await connector.ended).toEqual(GRACEFULLY);
    expect(performance.now() - startedAt).toBeLessThan(4500);
  });

  test('loses no request when another connector of the tunnel is ready', async (context) => {
    const { connector: old, hostname } = await serve(context);
    const young = new Connector(program, sandbox(), context, { tunnel: old.tunnel, config: { ingress: [{ service: 'http_status:204' }] } });
    await young.untilConnected(1);
    const statuses = new Set<number>();
    const load = (async () => {
      while (old.isAlive) statuses.add((await visit(sandbox(), hostname, { path: '/echo' })).status);
    })();
    old.child.kill('SIGTERM');
    expect(await old.ended).toEqual(GRACEFULLY);
    await load;
    expect([...statuses].filter((status) => status !== 200 && status !== 204)).toEqual([]);
    expect((await visit(sandbox(), hostname)).status).toBe(204);
  });
});
