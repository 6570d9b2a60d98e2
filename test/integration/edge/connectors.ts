import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { openSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { type Duplex, pipeline } from 'node:stream';
import { openConnection } from '../../../src/sandbox/edge/connector-side/open-connection.js';
import type { ConnectorConnection, TunnelRequest } from '../../../src/sandbox/edge/connector-side/ports.js';
import type { Header } from '../../../src/sandbox/edge/ports.js';

export const REAL_CLOUDFLARED = process.env['CLOUDFLARED_SUPERVISOR_CLOUDFLARED'];

export interface ConnectorSetup {
  readonly edgeAddress: string;
  readonly caFile: string;
  readonly directory: string;
  readonly tunnelId: string;
  readonly accountTag: string;
  readonly tunnelSecret: Buffer;
  readonly originUrl: string;
}

export interface TestConnector {
  /** As SIGTERM: unregister, finish what is in flight, end. */
  stop(): Promise<void>;
  kill(): void;
  /** The exit code of a program; of the library, 0 when its connections are closed. */
  readonly ended: Promise<number | null>;
}

export type StartConnector = (setup: ConnectorSetup) => Promise<TestConnector>;

/** The real program; its log stays in the world's directory. */
export const startCloudflared: StartConnector = async (setup) => {
  const name = join(setup.directory, randomUUID());
  await writeFile(`${name}.yml`, `tunnel: ${setup.tunnelId}\ningress:\n  - service: ${setup.originUrl}\n`);
  await writeFile(`${name}.json`, JSON.stringify({ AccountTag: setup.accountTag, TunnelSecret: setup.tunnelSecret.toString('base64'), TunnelID: setup.tunnelId, Endpoint: '' }));
  const edges = Array.from({ length: 6 }, () => ['--edge', setup.edgeAddress]).flat();
  const flags = ['--no-autoupdate', '--metrics', '127.0.0.1:0', ...edges, '--protocol', 'http2', '--cacert', setup.caFile, '--no-prechecks', '--grace-period', '10s'];
  const log = openSync(`${name}.log`, 'a');
  const child = spawn(REAL_CLOUDFLARED ?? 'cloudflared', ['tunnel', '--config', `${name}.yml`, ...flags, 'run', '--credentials-file', `${name}.json`, setup.tunnelId], {
    env: { PATH: process.env['PATH'], HOME: setup.directory },
    stdio: ['ignore', log, log],
  });
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
  });
  return {
    stop: async () => {
      child.kill('SIGTERM');
      const code = await exited;
      if (code !== 0) throw new Error(`cloudflared ended with ${code}:\n${readFileSync(`${name}.log`, 'utf8')}`);
    },
    kill: () => child.kill('SIGKILL'),
    ended: exited,
  };
};

/** The library, with four connections and a small proxy around it. */
export const startLibraryConnector: StartConnector = async (setup) => {
  const [host = '', port = ''] = setup.edgeAddress.split(':');
  const connector = { connectorId: randomUUID(), version: 'test', arch: 'test_arch', features: ['serialized_headers'] };
  const { tunnelId, accountTag, tunnelSecret } = setup;
  const connections: ConnectorConnection[] = [];
  for (let connIndex = 0; connIndex < 4; connIndex += 1) {
    connections.push(
      await openConnection({
        edge: { host, port: Number(port) },
        ca: readFileSync(setup.caFile, 'utf8'),
        tunnelId, accountTag, tunnelSecret, connIndex, connector,
        configuration: { ingress: [{ service: setup.originUrl }] },
        onRequest: (request) => proxy(request, setup.originUrl),
      }),
    );
  }
  return {
    stop: async () => {
      await Promise.all(connections.map((connection) => connection.unregister()));
      await Promise.all(connections.map((connection) => connection.closed));
    },
    kill: () => {
      for (const connection of connections) connection.destroy();
    },
    ended: Promise.all(connections.map((connection) => connection.closed)).then(() => 0),
  };
};

function proxy(request: TunnelRequest, originUrl: string): void {
  const upgrade: readonly Header[] = request.kind === 'websocket' ? [['connection', 'Upgrade'], ['upgrade', 'websocket']] : [];
  const headers = [...request.headers, ...upgrade, ['host', request.host]].flat();
  const toOrigin = httpRequest(new URL(request.path, originUrl), { method: request.method, headers, signal: request.gone });
  toOrigin.once('error', () => request.fail());
  toOrigin.once('response', (response) => {
    const body = request.respond(response.statusCode ?? 502, headersOf(response));
    response.on('error', () => request.fail());
    response.pipe(body);
  });
  toOrigin.once('upgrade', (response: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.unshift(head);
    const body = request.respond(101, headersOf(response));
    socket.on('error', () => request.fail());
    request.body.pipe(socket).pipe(body);
  });
  if (request.kind === 'websocket') toOrigin.end();
  // The origin learns that its request was cut; that is all there is to do.
  else pipeline(request.body, toOrigin, () => undefined);
}

const headersOf = ({ rawHeaders }: IncomingMessage): Header[] =>
  rawHeaders.flatMap((name, index): Header[] => (index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? '']] : []));

/** Every way to be a connector: the tests that are about the edge run with each. */
export const CONNECTOR_KINDS: readonly { readonly name: string; readonly start: StartConnector; readonly available: boolean }[] = [
  { name: 'the connector side', start: startLibraryConnector, available: true },
  { name: REAL_CLOUDFLARED === undefined ? 'cloudflared (skipped: CLOUDFLARED_SUPERVISOR_CLOUDFLARED names none)' : 'cloudflared', start: startCloudflared, available: REAL_CLOUDFLARED !== undefined },
];
