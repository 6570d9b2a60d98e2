import { spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { CreatedTunnel } from '../sandbox/control-client.js';
import type { Offline } from './offline.js';

export interface BareConnectorOptions {
  readonly offline: Offline;
  /** Where its files go. */
  readonly dir: string;
  readonly tunnel: CreatedTunnel;
  /** Of its one catch-all rule. */
  readonly service: string;
  /** Gives it up while it is not ready. */
  readonly signal?: AbortSignal | undefined;
}

/** cloudflared without us: the binary that the supervisor runs, with arguments of the same kind. */
export interface BareConnector {
  /** From spawn to the first `/ready` 200, ms. */
  readonly readyMs: number;
  /** Sends the signal; resolves when it has ended. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

const READY_DEADLINE_MS = 60_000;
const POLL_MS = 2;

/** Starts one and resolves when it is ready. */
export async function startBareConnector({ offline, dir, tunnel, service, signal }: BareConnectorOptions): Promise<BareConnector> {
  const { configFile, credentialsFile, certFile } = await writeFiles(dir, tunnel, service);
  const port = await freePort();
  const args = [
    'tunnel', '--config', configFile, '--origincert', certFile, '--no-autoupdate', '--metrics', `127.0.0.1:${String(port)}`,
    '--protocol', 'http2', '--cacert', offline.edgeCa, '--no-prechecks', ...offline.edge.flatMap((address) => ['--edge', address]),
    'run', '--credentials-file', credentialsFile, tunnel.id,
  ];
  signal?.throwIfAborted();
  const startedAt = performance.now();
  const child = spawn(offline.cloudflaredPath, args, { env: { PATH: process.env['PATH'], HOME: dir }, stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    child.kill(signal);
    await ended;
  };
  try {
    await untilReady(port, () => child.exitCode !== null || child.signalCode !== null, signal);
    return { readyMs: performance.now() - startedAt, end };
  } catch (error) {
    await end('SIGKILL');
    throw error;
  }
}

/** The floor that everything is measured beside, ms. It runs on a tunnel of its own, so that no visitor reaches it. */
export async function measureFloor(options: Omit<BareConnectorOptions, 'service'>): Promise<number> {
  const connector = await startBareConnector({ ...options, service: 'http_status:404' });
  await connector.end('SIGKILL');
  return connector.readyMs;
}

async function writeFiles(dir: string, tunnel: CreatedTunnel, service: string): Promise<{ configFile: string; credentialsFile: string; certFile: string }> {
  await mkdir(dir, { recursive: true });
  const files = { configFile: join(dir, 'config.yml'), credentialsFile: join(dir, 'credentials.json'), certFile: join(dir, 'cert.pem') };
  const config = { tunnel: tunnel.id, 'credentials-file': files.credentialsFile, ingress: [{ service }] };
  await writeFile(files.configFile, JSON.stringify(config)); // JSON is YAML
  await rm(files.credentialsFile, { force: true });
  await writeFile(files.credentialsFile, JSON.stringify(tunnel.credentials), { mode: 0o400 });
  await writeFile(files.certFile, '');
  return files;
}

async function untilReady(port: number, hasEnded: () => boolean, signal: AbortSignal | undefined): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  const deadline = performance.now() + READY_DEADLINE_MS;
  try {
    while (!(await isReady(agent, port))) {
      signal?.throwIfAborted();
      if (hasEnded()) throw new Error('cloudflared ended before it was ready');
      if (performance.now() > deadline) throw new Error('cloudflared did not get ready');
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    agent.destroy();
  }
}

async function isReady(agent: Agent, port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const request = get({ agent, host: '127.0.0.1', port, path: '/ready' }, (response) => {
      response.resume().on('close', () => resolve(response.statusCode === 200));
    });
    request.on('error', () => resolve(false));
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
