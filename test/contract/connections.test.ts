import { once } from 'node:events';
import { createServer } from 'node:tls';

import { describe, expect, test, type TestContext } from 'vitest';

import { createCertificateAuthority } from '../../src/sandbox/certificates.js';
import { Connector, createTunnel, type ConnectorOptions } from './connector.js';
import { describeContract, describeContractInOrder } from './programs.js';
import { Scratch } from './scratch.js';
import { useSandbox } from './use-sandbox.js';

const sandbox = useSandbox();
const REFUSED = 'cloudflared_tunnel_tunnel_register_fail{error="server_error",rpcName="registerConnection"}';

describeContract('connections', (program) => {
  const start = (context: TestContext, options?: ConnectorOptions): Connector => new Connector(program, sandbox(), context, options);

  test('the first at once, the second with it, the others a second apart', async (context) => {
    const connector = start(context);
    const times = new Map<number, number>();
    context.onTestFinished(sandbox().edge.subscribe((event) => {
      if (event.type === 'connection.registered' && event.connection.tunnelId === connector.tunnel.id) times.set(event.connection.connIndex, event.connection.openedAt);
    }));
    await connector.untilConnected(4);
    const at = (index: number): number => times.get(index) ?? Number.NaN;
    expect(new Set(times.keys())).toEqual(new Set([0, 1, 2, 3]));
    expect(at(1) - at(0)).toBeLessThan(700);
    for (const index of [2, 3]) {
      expect(at(index) - at(index - 1)).toBeGreaterThan(700);
      expect(at(index) - at(index - 1)).toBeLessThan(2000);
    }
  });

  test('as many as wanted, but no more than there are addresses', async (context) => {
    const few = start(context, { flags: ['--ha-connections', '1'] });
    await few.untilConnected(1);
    const short = start(context, { flags: ['--ha-connections', '20'] });
    await short.untilLogged('You requested 20 HA connections but I can give you at most 8.');
    expect(few.atEdge).toBe(1);
  });

  test('the first tells the edge its configuration', async (context) => {
    const reported = new Promise<unknown>((resolve) => {
      const tunnel = createTunnel(sandbox());
      const connector = start(context, { tunnel, config: { ingress: [{ hostname: 'a.com', service: 'http://a:1', originRequest: { noTLSVerify: true } }, { service: 'http_status:404' }] } });
      context.onTestFinished(sandbox().edge.subscribe((event) => {
        if (event.type === 'configuration.reported' && event.connection.tunnelId === connector.tunnel.id) resolve(event.config);
      }));
    });
    expect(await reported).toMatchObject({
      ingress: [{ hostname: 'a.com', service: 'http://a:1', originRequest: { noTLSVerify: true } }, { service: 'http_status:404', originRequest: {} }],
      'warp-routing': {},
    });
  });

  describe.concurrent('refused by the edge', () => {
    test.for<[what: string, spoil: 'secret' | 'tunnel']>([['with the wrong secret', 'secret'], ['for a tunnel that is deleted', 'tunnel']])('%s: it never ends, and counts', async ([, spoil], context) => {
      const tunnel = createTunnel(sandbox());
      if (spoil === 'tunnel') sandbox().world.tunnels.delete(tunnel.id);
      const connector = start(context, { tunnel: spoil === 'secret' ? { ...tunnel, secret: Buffer.alloc(32) } : tunnel });
      await connector.untilLogged('Register tunnel error from server side', 2);
      expect(connector.isAlive).toBe(true);
      expect(await connector.get('/ready')).toMatchObject({ status: 503 });
      expect(await connector.metric(REFUSED)).toBeGreaterThanOrEqual(2);
      expect(connector.logged('Retrying connection in up to 2s')).toHaveLength(1);
      expect(connector.logged('Retrying connection in up to 4s')).toHaveLength(1);
      expect(connector.log.find((line) => line.error?.startsWith('Unauthorized'))).toBeDefined();
    });

    test.for([['Something else'], ['Try later', 60_000]] as const)('with "%s": it ends with code 1', async ([cause, retryAfterMs], context) => {
      const tunnel = createTunnel(sandbox());
      sandbox().faults.edge.add({ tunnelId: tunnel.id, fault: { kind: 'reject', cause, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) } });
      const connector = start(context, { tunnel });
      expect(await connector.ended).toEqual({ code: 1, signal: null });
      expect(connector.text.trimEnd().split('\n').at(-1)).toBe(cause);
      expect(connector.logged('initial tunnel connection failed')).toHaveLength(1);
    });

    test('without an answer: it ends with code 1, and counts it as a refusal', async (context) => {
      const tunnel = createTunnel(sandbox());
      sandbox().faults.edge.add({ tunnelId: tunnel.id, fault: { kind: 'silence' } });
      const connector = start(context, { tunnel });
      await connector.untilLogged('Register tunnel error from server side');
      expect(await connector.metric(REFUSED)).toBe(1);
      expect(await connector.ended).toEqual({ code: 1, signal: null });
    });

    test('as a duplicate: it tries another address', async (context) => {
      const tunnel = createTunnel(sandbox());
      sandbox().faults.edge.add({ tunnelId: tunnel.id, fault: { kind: 'reject', cause: 'EDUPCONN' }, times: 1 });
      const connector = start(context, { tunnel });
      await connector.untilConnected();
      expect(await connector.metric('cloudflared_tunnel_tunnel_register_fail{error="dup_edge_conn",rpcName="registerConnection"}')).toBe(1);
    });

    test('one of the later connections: the others serve on', async (context) => {
      const tunnel = createTunnel(sandbox());
      sandbox().faults.edge.add({ tunnelId: tunnel.id, connIndex: 1, fault: { kind: 'reject', cause: 'Something else' } });
      const connector = start(context, { tunnel });
      await connector.untilConnected(3);
      await connector.untilLogged('Connection terminated');
      expect(await connector.get('/ready')).toMatchObject({ status: 200 });
      expect(connector.isAlive).toBe(true);
    });
  });

  test('an edge that cannot be reached is tried for ever, with growing pauses', async (context) => {
    const connector = start(context, { edges: ['127.0.0.1:1'] });
    await connector.untilLogged('Retrying connection in up to', 2);
    expect(connector.isAlive).toBe(true);
    expect(connector.logged('Retrying connection in up to').slice(0, 2).map(({ message }) => message)).toEqual(['Retrying connection in up to 2s', 'Retrying connection in up to 4s']);
  });

  test('an edge that hangs up before the first registration ends it with code 1', async (context) => {
    const certificate = await (await createCertificateAuthority()).issue({ names: ['h2.cftunnel.com'] });
    const edge = createServer(certificate, (socket) => socket.on('error', () => socket.destroy()).end()).listen(0, '127.0.0.1');
    context.onTestFinished(() => void edge.close());
    await once(edge, 'listening');
    const address = edge.address();
    const chain = new Scratch(context).write('ca.pem', certificate.cert);
    const connector = start(context, { edges: [`127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`], flags: ['--cacert', chain] });
    expect(await connector.ended).toEqual({ code: 1, signal: null });
    expect(connector.text.trimEnd().split('\n').at(-1)).toBe('connection with edge closed');
    expect(connector.logged('Lost connection with the edge')).toHaveLength(1);
  });

  test('an edge that is not trusted is tried for ever', async (context) => {
    const other = start(context, { flags: ['--cacert', '/dev/null'] });
    await Promise.race([other.untilLogged('Unable to establish connection with Cloudflare edge', 2), other.ended]);
    expect(other.isAlive).toBe(true);
  });

  test('a lost connection is not ready, and comes back', { timeout: 60_000 }, async (context) => {
    // The pause before it is 10 s at most with `--retries 0`, else 20 s and growing.
    const connector = start(context, { flags: ['--ha-connections', '1', '--retries', '0'] });
    await connector.untilConnected();
    expect(sandbox().edge.drop(({ tunnelId }) => tunnelId === connector.tunnel.id)).toBe(1);
    await connector.untilLogged('Retrying connection in up to');
    await context.expect.poll(() => connector.get('/ready')).toMatchObject({ status: 503 });
    expect((await connector.get('/metrics')).body).not.toContain('tunnel_register_fail');
    await connector.untilLogged('Registered tunnel connection', 2);
    await connector.untilConnected(1);
  });
});

describeContractInOrder('an edge in trouble', (program) => {
  test.for(['reset', 'refuse'] as const)('%s: tried until it serves', async (mode, context) => {
    await sandbox().edge.setDialMode(mode);
    context.onTestFinished(() => sandbox().edge.setDialMode('serve'));
    const connector = new Connector(program, sandbox(), context);
    await connector.untilLogged('Unable to establish connection with Cloudflare edge');
    await sandbox().edge.setDialMode('serve');
    await connector.untilConnected();
  });
});
