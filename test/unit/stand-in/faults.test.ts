import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { copyFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';

import { startSandbox, type Sandbox } from '../../../src/sandbox/sandbox.js';
import type { Faults } from '../../../src/sandbox/stand-in/faults.js';
import { writeStandIn } from '../../../src/sandbox/stand-in/install.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

type Script = { readonly [K in keyof Faults]?: Partial<Faults[K]> };

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ cloudflared: null });
});
afterAll(() => sandbox.close());

let directory: string;
let program: string;
beforeEach(async () => {
  directory = tempDirectory();
  program = await writeStandIn(directory);
});

const script = (faults: Script): void => writeFileSync(join(directory, 'faults.json'), JSON.stringify(faults));

interface Started {
  readonly child: ChildProcess;
  readonly text: () => string;
  readonly ended: Promise<readonly [code: number | null, signal: NodeJS.Signals | null]>;
}

function start(args: readonly string[], path = program): Started {
  const child = spawn(path, [...args], { env: { HOME: directory }, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  onTestFinished(async () => {
    if (child.kill('SIGKILL')) await ended;
  });
  return { child, text: () => text, ended };
}

function run(): Started & { readonly tunnelId: string; readonly metrics: () => Promise<string> } {
  const account = sandbox.world.zones.find()?.account.id ?? '';
  const tunnel = sandbox.world.tunnels.create(account, `faults-${sandbox.world.tunnels.list().length}`);
  writeFileSync(join(directory, 'c.json'), JSON.stringify({ AccountTag: account, TunnelSecret: tunnel.secret.toString('base64'), TunnelID: tunnel.id }));
  writeFileSync(join(directory, 'c.yml'), 'ingress:\n  - service: http_status:404\n');
  const edges = Array.from({ length: 8 }, () => ['--edge', sandbox.edge.addresses[0] ?? '']).flat();
  const started = start(['tunnel', '--config', join(directory, 'c.yml'), '--metrics', '127.0.0.1:0', '--cacert', sandbox.caFile, ...edges, 'run', '--credentials-file', join(directory, 'c.json'), tunnel.id]);
  const metrics = (): Promise<string> =>
    vi.waitFor(() => {
      const address = /Starting metrics server on (\S+)\/metrics/u.exec(started.text())?.[1];
      if (address === undefined) throw new Error(`no metrics server yet:\n${started.text()}`);
      return `http://${address}`;
    }, { timeout: 10_000 });
  return { ...started, tunnelId: tunnel.id, metrics };
}

const registered = (tunnelId: string): Promise<void> => sandbox.edge.waitUntil((connections) => connections.some((connection) => connection.tunnelId === tunnelId));
const readyStatus = async (metrics: string): Promise<number> => (await fetch(`${metrics}/ready`)).status;

describe('the executable', () => {
  test('is one, keeps the arguments at the end of its command line, and works as a copy', async () => {
    expect((await stat(program)).mode & 0o777).toBe(0o755);
    const copy = join(tempDirectory(), 'other name');
    await copyFile(program, copy);
    const started = start(['--version'], copy);
    expect(await started.ended).toEqual([0, null]);
    expect(started.text()).toMatch(/^cloudflared version /u);
  });
});

describe('scripted faults', () => {
  test('one that is misspelt is refused', async () => {
    script({ run: { crahs: {} } } as Script);
    const started = start(['--version']);
    expect((await started.ended)[0]).toBe(1);
    expect(started.text()).toContain('there is no fault "run.crahs"');
  });

  test('another version, and a binary that does not run', async () => {
    script({ version: '2020.1.0' });
    const old = start(['--version']);
    await old.ended;
    expect(old.text()).toMatch(/^cloudflared version 2020\.1\.0 \(/u);
    script({ unusable: { exitCode: 126, message: 'cannot execute binary file' } });
    const broken = start(['--version']);
    expect(await broken.ended).toEqual([126, null]);
    expect(broken.text()).toBe('cannot execute binary file\n');
  });

  test('a crash at the first starts only', async () => {
    script({ run: { crash: { exitCode: 7 }, firstStarts: 2 } });
    expect(await run().ended).toEqual([7, null]);
    expect(await run().ended).toEqual([7, null]);
    await registered(run().tunnelId);
  });

  test('killed by a signal after a while, as by the kernel', async () => {
    script({ run: { crash: { afterMs: 300, signal: 'SIGKILL' } } });
    expect(await run().ended).toEqual([null, 'SIGKILL']);
  });

  test('never ready', async () => {
    script({ run: { neverReady: true } });
    const { metrics, child, ended, tunnelId } = run();
    expect(await readyStatus(await metrics())).toBe(503);
    expect(sandbox.edge.connections(tunnelId)).toEqual([]);
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  test('ready, and then not any more, though it lives', async () => {
    script({ run: { loseReadinessAfterMs: 200, retryScale: 0.01 } });
    const { metrics, child, ended, tunnelId } = run();
    await registered(tunnelId);
    await expect.poll(async () => readyStatus(await metrics())).toBe(200);
    await expect.poll(async () => readyStatus(await metrics())).toBe(503);
    await sandbox.edge.waitUntil((connections) => !connections.some((connection) => connection.tunnelId === tunnelId));
    child.kill('SIGTERM');
    expect((await ended)[0]).toBe(0);
  });

  test('SIGTERM is ignored', async () => {
    script({ run: { ignoreSigterm: true } });
    const { metrics, child, ended, tunnelId } = run();
    await registered(tunnelId);
    child.kill('SIGTERM');
    child.kill('SIGINT');
    await expect.poll(async () => readyStatus(await metrics())).toBe(200);
    child.kill('SIGKILL');
    expect(await ended).toEqual([null, 'SIGKILL']);
  });

  test('it hangs at its start', async () => {
    script({ run: { hang: true, crash: { afterMs: 400, exitCode: 9 } } });
    const started = run();
    expect(await started.ended).toEqual([9, null]);
    expect(started.text()).toBe('');
  });

  test('it floods its log', async () => {
    script({ run: { floodLinesPerSecond: 5000 } });
    const started = run();
    await expect.poll(() => started.text().split('\n').length).toBeGreaterThan(1000);
  });

  test('/config says something else', async () => {
    script({ run: { config: { version: -1, config: { ingress: [] } } } });
    const { metrics } = run();
    expect(await (await fetch(`${await metrics()}/config`)).json()).toEqual({ version: -1, config: { ingress: [] } });
  });

  test('the first connection waits, and lost ones come back soon', async () => {
    script({ run: { dialAfterMs: 300, retryScale: 0.001 } });
    const { metrics, tunnelId } = run();
    expect(await readyStatus(await metrics())).toBe(503);
    await registered(tunnelId);
    sandbox.edge.drop((connection) => connection.tunnelId === tunnelId);
    await registered(tunnelId);
  });

  test('the login ends at once, or says nothing', async () => {
    script({ login: { exitCode: 3, message: 'no login today' } });
    const refused = start(['tunnel', 'login']);
    expect(await refused.ended).toEqual([3, null]);
    expect(refused.text()).toBe('no login today\n');
    script({ login: { hang: true } });
    const silent = start(['tunnel', 'login']);
    silent.child.kill('SIGTERM');
    expect(await silent.ended).toEqual([null, 'SIGTERM']);
    expect(silent.text()).toBe('');
  });

  test('the text of the login comes in pieces', async () => {
    script({ login: { pieces: { bytes: 10, everyMs: 1 } } });
    const pieces: string[] = [];
    const { child } = start(['tunnel', 'login']);
    child.stderr?.on('data', (chunk: Buffer) => pieces.push(chunk.toString()));
    await expect.poll(() => pieces.join('')).toContain('automatically.\n');
    expect(pieces.length).toBeGreaterThan(5);
    expect(pieces.join('')).toMatch(/^https:\/\/dash\.cloudflare\.com\/argotunnel\?aud=&callback=\S+%3D$/mu);
  });

  test('route dns fails', async () => {
    script({ routeDns: { exitCode: 1, message: 'Failed to add route: no' } });
    const started = start(['tunnel', 'route', 'dns', 'a', 'b.example.com']);
    expect(await started.ended).toEqual([1, null]);
    expect(started.text()).toBe('Failed to add route: no\n');
  });
});
