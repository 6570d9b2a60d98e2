import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { CreatedTunnel } from '../sandbox/control-client.js';
import type { Offline } from './offline.js';

export interface FloorOptions {
  readonly offline: Offline;
  /** Where its files go. */
  readonly dir: string;
  readonly tunnel: CreatedTunnel;
}

const READY_DEADLINE_MS = 60_000;
const POLL_MS = 2;

/**
 * The floor that everything is measured beside: the same binary on a config of the same kind, from spawn to its first
 * `/ready` 200, ms. It runs on a tunnel of its own, so that no visitor reaches it.
 */
export async function measureFloor(options: FloorOptions): Promise<number> {
  const { offline, tunnel } = options;
  const { configFile, credentialsFile, certFile } = await writeFiles(options);
  const port = await freePort();
  const args = [
    'tunnel', '--config', configFile, '--origincert', certFile, '--no-autoupdate', '--metrics', `127.0.0.1:${String(port)}`,
    '--protocol', 'http2', '--cacert', offline.edgeCa, '--no-prechecks', ...offline.edge.flatMap((address) => ['--edge', address]),
    'run', '--credentials-file', credentialsFile, tunnel.id,
  ];
  const startedAt = performance.now();
  const child = spawn(offline.cloudflaredPath, args, { env: { PATH: process.env['PATH'], HOME: options.dir }, stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  try {
    await untilReady(port, () => child.exitCode !== null);
    return performance.now() - startedAt;
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

async function writeFiles({ dir, tunnel }: FloorOptions): Promise<{ configFile: string; credentialsFile: string; certFile: string }> {
  await mkdir(dir, { recursive: true });
  const files = { configFile: join(dir, 'floor.yml'), credentialsFile: join(dir, 'floor.json'), certFile: join(dir, 'floor.pem') };
  const config = { tunnel: tunnel.id, 'credentials-file': files.credentialsFile, ingress: [{ service: 'http_status:404' }] };
  await writeFile(files.configFile, JSON.stringify(config)); // JSON is YAML
  await writeFile(files.credentialsFile, JSON.stringify(tunnel.credentials), { mode: 0o400 }).catch(keepExisting);
  await writeFile(files.certFile, '');
  return files;
}

/** The credentials of an earlier measurement, which are the same, cannot be written again. */
function keepExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EACCES') throw error;
}

async function untilReady(port: number, ended: () => boolean): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  const deadline = performance.now() + READY_DEADLINE_MS;
  try {
    while (!(await isReady(agent, port))) {
      if (ended()) throw new Error('cloudflared ended before it was ready');
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
