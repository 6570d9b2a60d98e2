import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { chooseFreePort } from '../../../src/cloudflared/free-port.js';
import { createProber } from '../../../src/cloudflared/readiness.js';

async function serve(listener: RequestListener): Promise<{ readonly port: number; readonly connections: () => number }> {
  let connections = 0;
  const server = createServer(listener);
  server.on('connection', () => {
    connections += 1;
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  return { port, connections: () => connections };
}

const prober = createProber();

describe('a connector\'s own word', () => {
  test('ready with its connections, not ready, or nothing', async () => {
    let answer: [number, string] = [200, '{"status":200,"readyConnections":3,"connectorId":"6ff42ae2"}'];
    const { port, connections } = await serve((_, response) => {
      response.writeHead(answer[0]).end(answer[1]);
    });
    expect(await prober.probe(port)).toEqual({ kind: 'ready', connections: 3 });
    expect(await prober.readConnectorId(port)).toBe('6ff42ae2');
    answer = [503, '{"status":503,"readyConnections":0,"connectorId":"6ff42ae2"}'];
    expect(await prober.probe(port)).toEqual({ kind: 'not-ready' });
    answer = [404, 'somebody else listens here'];
    expect(await prober.probe(port)).toEqual({ kind: 'unreachable' });
    answer = [200, 'not json'];
    expect(await prober.probe(port)).toEqual({ kind: 'unreachable' });
    expect(await prober.readConnectorId(port)).toBeUndefined();
    // One connection for all of it: it is asked for ever.
    expect(connections()).toBe(1);
  });

  test('nobody listens; or listens and never answers; or answers without end', async () => {
    expect(await prober.probe(await chooseFreePort())).toEqual({ kind: 'unreachable' });
    const silent = await serve(() => undefined);
    expect(await prober.probe(silent.port)).toEqual({ kind: 'unreachable' });
    const endless = await serve((_, response) => {
      const flood = (): void => {
        while (response.write('x'.repeat(65_536)));
        response.once('drain', flood);
      };
      flood();
    });
    expect(await prober.probe(endless.port)).toEqual({ kind: 'unreachable' });
    expect(await prober.readCounters(endless.port)).toBeUndefined();
  });

  test('its rules, without what cloudflared fills in for absent', async () => {
    const { port } = await serve((_, response) => {
      response.end(JSON.stringify({ version: -1, config: { ingress: [
        { hostname: 'app.example.com', path: '^/a(/|$)', service: 'http://a', Handlers: null, originRequest: { noTLSVerify: true } },
        { hostname: '', path: null, service: 'http_status:404', originRequest: {} },
      ] } }));
    });
    expect(await prober.readRules(port)).toEqual([
      { hostname: 'app.example.com', path: '^/a(/|$)', service: 'http://a', originRequest: { noTLSVerify: true } },
      { service: 'http_status:404', originRequest: {} },
    ]);
  });

  test.each([['no rules', 200, '{"config":{}}'], ['a rule without a service', 200, '{"config":{"ingress":[{}]}}'], ['a failure', 500, 'ERR']])('%s is no configuration', async (_, status, body) => {
    const { port } = await serve((__, response) => {
      response.writeHead(status).end(body);
    });
    await expect(prober.readRules(port)).rejects.toMatchObject({ code: 'CONNECTOR_MISMATCH' });
  });
});
