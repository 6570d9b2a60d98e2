import { describe, expect, test, type TestContext } from 'vitest';

import { Connector, type ConnectorOptions } from './connector.js';
import { describeContract } from './programs.js';
import { useSandbox } from './use-sandbox.js';

const sandbox = useSandbox();
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u;

const DEFAULTS = {
  connectTimeout: 30, tlsTimeout: 10, tcpKeepAlive: 30, noHappyEyeballs: false, keepAliveTimeout: 90, keepAliveConnections: 100, httpHostHeader: '', originServerName: '',
  matchSNItoHost: false, caPool: '', noTLSVerify: false, disableChunkedEncoding: false, bastionMode: false, proxyAddress: '127.0.0.1', proxyPort: 0, proxyType: '', ipRules: null,
  http2Origin: false, access: { teamName: '', audTag: null },
};

describeContract('metrics server', (program) => {
  const start = (context: TestContext, options?: ConnectorOptions): Connector => new Connector(program, sandbox(), context, options);

  test('/ready counts the connections and names the connector', async (context) => {
    const connector = start(context);
    await connector.untilConnected(2);
    const { status, body } = await connector.get('/ready');
    expect(status).toBe(200);
    const ready = JSON.parse(body) as Record<string, unknown>;
    expect(Object.keys(ready)).toEqual(['status', 'readyConnections', 'connectorId']);
    expect(ready).toMatchObject({ status: 200, connectorId: expect.stringMatching(UUID) as string });
    expect(ready['readyConnections']).toBeGreaterThanOrEqual(2);
    expect(sandbox().edge.connections(connector.tunnel.id)[0]?.connector.connectorId).toBe(ready['connectorId']);
  });

  test('/ready is 503 without a connection, while /healthcheck is 200', async (context) => {
    const connector = start(context, { edges: ['127.0.0.1:1'] });
    const { status, body } = await connector.get('/ready');
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({ status: 503, readyConnections: 0, connectorId: expect.stringMatching(UUID) as string });
    expect(await connector.get('/healthcheck')).toEqual({ status: 200, body: 'OK\n' });
    expect((await connector.get('/nothing')).status).toBe(404);
  });

  test('/config shows every rule with its defaults, and version -1', async (context) => {
    const connector = start(context, {
      config: {
        originRequest: { noTLSVerify: true },
        ingress: [
          { hostname: 'a.example.com', path: '^/api(/|$)', service: 'https://[::1]:8443', originRequest: { connectTimeout: '1m30s', httpHostHeader: 'b', access: { required: true, teamName: 't', audTag: ['x'] } } },
          { hostname: '*.example.com', service: 'ssh://a', originRequest: { noTLSVerify: false } },
          { hostname: 'münchen.example.com', service: 'HTTP://u:p@Host?q#f' },
          { hostname: 'u.example.com', service: 'unix+tls:/x' },
          { service: 'hello-world' },
        ],
      },
    });
    const { status, body } = await connector.get('/config');
    expect(status).toBe(200);
    const secure = { ...DEFAULTS, noTLSVerify: true };
    expect(JSON.parse(body)).toEqual({
      version: -1,
      config: {
        ingress: [
          {
            hostname: 'a.example.com', path: '^/api(/|$)', service: 'https://[::1]:8443', Handlers: [{}],
            originRequest: { ...secure, connectTimeout: 90, httpHostHeader: 'b', access: { required: true, teamName: 't', audTag: ['x'] } },
          },
          { hostname: '*.example.com', path: null, service: 'ssh://a:22', Handlers: null, originRequest: DEFAULTS },
          { hostname: 'münchen.example.com', path: null, service: 'http://u:p@Host?q#f', Handlers: null, originRequest: secure },
          { hostname: 'u.example.com', path: null, service: 'unix+tls:/x', Handlers: null, originRequest: secure },
          { hostname: '', path: null, service: 'hello_world', Handlers: null, originRequest: secure },
        ],
        'warp-routing': {},
        originRequest: secure,
      },
    });
  });

  test('the configuration is read once', async (context) => {
    const connector = start(context, { config: { ingress: [{ service: 'http_status:404' }] } });
    await connector.untilConnected();
    connector.scratch.write('config.yml', 'ingress:\n  - service: http_status:200\n');
    const before = await connector.get('/config');
    await connector.untilConnected(3);
    expect(await connector.get('/config')).toEqual(before);
  });

  describe.concurrent('/metrics', () => {
    test('counts connections that are kept, whether they are connected or not', async (context) => {
      const connector = start(context, { edges: ['127.0.0.1:1'] });
      await connector.untilLogged('Retrying connection');
      expect(await connector.metric('cloudflared_tunnel_ha_connections')).toBe(1);
    });

    test('shows no refusal where the edge is merely down', async (context) => {
      const connector = start(context, { edges: ['127.0.0.1:1'] });
      await connector.untilLogged('Retrying connection', 2);
      expect((await connector.get('/metrics')).body).not.toContain('tunnel_register_fail');
    });

    test('counts the registrations that succeed', async (context) => {
      const connector = start(context);
      await connector.untilConnected(4);
      expect(await connector.metric('cloudflared_tunnel_tunnel_register_success{rpcName="registerConnection"}')).toBe(4);
      expect(await connector.metric('cloudflared_tunnel_ha_connections')).toBe(4);
      expect(await connector.metric('cloudflared_config_local_config_pushes')).toBe(1);
    });
  });

  test('its port is told by the log, at level info', async (context) => {
    expect(await start(context).metricsAddress()).toMatch(/^127\.0\.0\.1:\d+$/u);
  });

  test('at log level error nobody learns it', async (context) => {
    const connector = start(context, { flags: ['--loglevel', 'error'], edges: ['127.0.0.1:1'] });
    await connector.untilLogged('Unable to establish connection with Cloudflare edge');
    expect(connector.logged('Starting metrics server on')).toEqual([]);
  });
});
