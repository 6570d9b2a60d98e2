import { createServer, type Server, type ServerResponse } from 'node:http';

import { Failure } from '../failure.js';
import type { Logger } from '../log/logger.js';
import type { Metrics } from './metrics.js';
import type { Readiness } from './readiness.js';

export interface MetricsServerOptions {
  /** `host:port`; the default tries a few known ports first. */
  readonly address: string;
  readonly connectorId: string;
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  readonly showConfig: () => unknown;
  readonly log: Logger;
}

const DEFAULT_ADDRESS = 'localhost:0';
const KNOWN_PORTS = [20_241, 20_242, 20_243, 20_244, 20_245];
const ADDRESS = /^(?:\[([^\]]*)\]|([^:]*)):(\d*)$/u;
const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'bind: address already in use', EACCES: 'bind: permission denied', EADDRNOTAVAIL: 'bind: cannot assign requested address', ENOTFOUND: 'no such host',
};
const PLAIN = 'text/plain; charset=utf-8';

function answer(response: ServerResponse, status: number, body: string, type = PLAIN): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

function respond(path: string, response: ServerResponse, options: MetricsServerOptions): void {
  switch (path) {
    case '/ready': {
      const connections = options.readiness.tell();
      const status = connections > 0 ? 200 : 503;
      return answer(response, status, JSON.stringify({ status, readyConnections: connections, connectorId: options.connectorId }));
    }
    case '/healthcheck':
      return answer(response, 200, 'OK\n');
    case '/config':
      return answer(response, 200, JSON.stringify(options.showConfig()));
    case '/metrics':
      return answer(response, 200, options.metrics.render(), 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores');
    case '/quicktunnel':
      return answer(response, 200, '{"hostname":""}');
    default:
      return answer(response, 404, '404 page not found\n');
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

async function listenByText(server: Server, address: string): Promise<void> {
  const [, bracketed, plain, port] = ADDRESS.exec(address) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || port === undefined) throw new Failure(`failed to bind to address (${address}): listen tcp: address ${address}: missing port in address`);
  try {
    await listen(server, host === 'localhost' ? '127.0.0.1' : host, Number(port));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw new Failure(`failed to bind to address (${address}): listen tcp ${address}: ${REASONS[code] ?? code}`);
  }
}

async function listenByDefault(server: Server): Promise<void> {
  for (const port of KNOWN_PORTS) {
    try {
      return await listenByText(server, `localhost:${port}`);
    } catch (error) {
      // Taken, most likely by another connector: the next one, and any at the end.
      if (!(error instanceof Failure)) throw error;
    }
  }
  return listenByText(server, DEFAULT_ADDRESS);
}

/** Serves `/ready`, `/healthcheck`, `/config` and `/metrics`. Throws a Failure where the address cannot be had. */
export async function startMetricsServer(options: MetricsServerOptions): Promise<Server> {
  const server = createServer((request, response) => respond((request.url ?? '/').split('?')[0] ?? '/', response, options));
  await (options.address === DEFAULT_ADDRESS ? listenByDefault(server) : listenByText(server, options.address));
  const bound = server.address();
  const text = typeof bound === 'object' && bound !== null ? `${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}` : String(bound);
  options.log.info(`Starting metrics server on ${text}/metrics`);
  return server;
}
