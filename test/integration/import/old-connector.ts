import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Sandbox } from '../../../src/sandbox/sandbox.js';
import { toTunnelToken, type Tunnel } from '../../../src/sandbox/world/tunnels.js';
import { toOriginCert } from '../../../src/sandbox/world/api-tokens.js';

const POLL_MS = 10;

/** A tunnel that somebody made and runs by hand, as it was before there was a supervisor. */
export interface OldTunnel {
  readonly tunnel: Tunnel;
  /** Where configuration, credentials and certificate are. */
  readonly directory: string;
  readonly configFile: string;
  readonly credentialsFile: string;
  readonly certificateFile: string;
  readonly token: string;
}

export interface OldTunnelOptions {
  readonly directory: string;
  readonly name?: string;
  /** cloudflared's own configuration; `tunnel` and `credentials-file` are put in. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Names with a record that leads to it. */
  readonly names: readonly string[];
}

const ZONE = 'example.com';

export async function makeOldTunnel({ world }: Sandbox, { directory, name = 'homelab', config, names }: OldTunnelOptions): Promise<OldTunnel> {
  const zone = world.zones.find(ZONE);
  if (zone === undefined) throw new Error(`the sandbox has no zone ${ZONE}`);
  const tunnel = world.tunnels.create(zone.account.id, name);
  for (const hostname of names) world.records.create(zone, { type: 'CNAME', name: hostname, content: `${tunnel.id}.cfargotunnel.com`, proxied: true });
  await mkdir(directory, { recursive: true });
  const [configFile, credentialsFile, certificateFile] = ['config.yml', `${tunnel.id}.json`, 'cert.pem'].map((file) => join(directory, file)) as [string, string, string];
  // JSON is YAML.
  await writeFile(configFile, JSON.stringify({ tunnel: tunnel.id, 'credentials-file': credentialsFile, ...config }));
  await writeFile(credentialsFile, JSON.stringify({ AccountTag: tunnel.accountId, TunnelSecret: tunnel.secret.toString('base64'), TunnelID: tunnel.id }), { mode: 0o400 });
  await writeFile(certificateFile, toOriginCert(world.tokens.issue(zone)), { mode: 0o600 });
  return { tunnel, directory, configFile, credentialsFile, certificateFile, token: toTunnelToken(tunnel) };
}

export interface OldConnector {
  readonly pid: number;
  readonly exited: Promise<number | NodeJS.Signals>;
  log(): string;
}

/** Runs it with these words after `cloudflared`; resolves when it is ready. Ended with the test at the latest. */
export async function startOldConnector(sandbox: Sandbox, words: (metrics: string) => readonly string[]): Promise<OldConnector> {
  const port = await freePort();
  const child = spawn(sandbox.cloudflared ?? 'cloudflared', words(`127.0.0.1:${port}`), {
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...sandbox.cloudflaredEnvironment() },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => end(child));
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const exited = once(child, 'exit').then(([code, signal]) => (signal ?? code) as number | NodeJS.Signals);
  let hasExited = false;
  void exited.then(() => (hasExited = true));
  while (!(await isReady(port))) {
    if (hasExited) throw new Error(`the old connector ended: ${log}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return { pid: child.pid ?? 0, exited, log: () => log };
}

async function isReady(port: number): Promise<boolean> {
  return await fetch(`http://127.0.0.1:${port}/ready`).then(({ status }) => status === 200, () => false);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
