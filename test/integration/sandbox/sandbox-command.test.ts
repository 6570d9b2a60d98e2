import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';

import { runSandbox } from '../../../src/sandbox/command.js';
import { connectSandbox } from '../../../src/sandbox/control-client.js';
import { startSandbox } from '../../../src/sandbox/sandbox.js';

const PROGRAM = fileURLToPath(new URL('programs/run-sandbox.mjs', import.meta.url));
/** No real cloudflared, whatever the machine has. */
const ENVIRONMENT = { PATH: '/usr/bin:/bin', CLOUDFLARED_SUPERVISOR_CLOUDFLARED: '' };

interface Ready {
  readonly event: string;
  readonly zones: readonly string[];
  readonly visitors: string;
  readonly loginPage: string;
  readonly control: string;
  readonly cloudflared: { readonly kind: string; readonly path: string };
  readonly environment: Readonly<Record<string, string>>;
}

test('says where it is in one line, serves, and leaves nothing when it is told to end', async () => {
  const child = execa(process.execPath, [PROGRAM, JSON.stringify({ json: true, zones: ['example.org'] })], { env: ENVIRONMENT, extendEnv: false, reject: false });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await child;
  });
  const [line] = await once(createInterface(child.stdout), 'line') as [string];
  const ready = JSON.parse(line) as Ready;
  expect(ready).toMatchObject({ event: 'sandbox.ready', zones: ['example.org'], cloudflared: { kind: 'stand-in' } });
  expect(Object.keys(ready.environment).toSorted()).toEqual([
    'CLOUDFLARED_SUPERVISOR_API_URL', 'CLOUDFLARED_SUPERVISOR_CLOUDFLARED', 'CLOUDFLARED_SUPERVISOR_EDGE', 'CLOUDFLARED_SUPERVISOR_EDGE_CA',
    'CLOUDFLARED_SUPERVISOR_PROTOCOL', 'HTTPS_PROXY', 'SSL_CERT_FILE',
  ]);
  expect(await connectSandbox(ready.control).zones()).toMatchObject([{ name: 'example.org' }]);
  expect((await fetch(ready.loginPage)).status).toBe(200);
  const caFile = ready.environment['SSL_CERT_FILE'] ?? '';
  expect(await readFile(caFile, 'utf8')).toContain('BEGIN CERTIFICATE');
  const version = await execa(ready.cloudflared.path, ['--version']);
  expect(version.stdout).toMatch(/^cloudflared version /u);

  child.kill('SIGTERM');
  expect(await child).toMatchObject({ exitCode: 0, stderr: '' });
  expect(existsSync(dirname(caFile))).toBe(false);
  await expect(fetch(ready.loginPage)).rejects.toThrow();
});

test('says it to people as lines for their shell', async () => {
  const ending = new AbortController();
  let text = '';
  const stdout = { write: (some: string) => {
    text += some;
    ending.abort();
  } };
  expect(await runSandbox({ cloudflared: "/opt/it's here/cloudflared" }, { stdout, environment: {}, signal: ending.signal })).toBe(0);
  const { stdout: seen } = await execa('sh', ['-c', `${text.slice(text.indexOf('# In another'))}\necho "$CLOUDFLARED_SUPERVISOR_CLOUDFLARED $CLOUDFLARED_SUPERVISOR_PROTOCOL $TUNNEL_TRANSPORT_PROTOCOL"`]);
  expect(seen).toBe("/opt/it's here/cloudflared http2 http2");
  expect(text).not.toContain('stand-in');
});

test('runs a program inside and ends with it', async () => {
  const script = 'process.exitCode = process.env.SANDBOX_CONTROL.endsWith("/control") && process.env.HTTPS_PROXY ? 7 : 1';
  const { exitCode, stdout } = await execa(process.execPath, [PROGRAM, JSON.stringify({ exec: [process.execPath, '-e', script] })], { env: ENVIRONMENT, extendEnv: false, reject: false });
  expect({ exitCode, stdout }).toEqual({ exitCode: 7, stdout: '' });
});

test('a program inside that a signal ends gives the exit code that shells have for it', async () => {
  const { exitCode } = await execa(process.execPath, [PROGRAM, JSON.stringify({ exec: ['/bin/sh', '-c', 'kill -KILL $$'] })], { env: ENVIRONMENT, extendEnv: false, reject: false });
  expect(exitCode).toBe(137);
});

test('told to end, it passes that on and serves until the program has ended', async () => {
  // It goes on after a SIGTERM, and ends when its input does.
  const script = `
    process.on('SIGTERM', () => console.log('asked'));
    process.stdin.resume().on('end', async () => {
      console.log((await fetch(process.env.SANDBOX_CONTROL + '/zones')).ok ? 'served' : 'not served');
      process.exit(9);
    });
    console.log('started');`;
  const child = execa(process.execPath, [PROGRAM, JSON.stringify({ exec: [process.execPath, '-e', script] })], { env: ENVIRONMENT, extendEnv: false, reject: false });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await child;
  });
  let said = '';
  child.stdout.on('data', (text: Buffer) => (said += text.toString()));
  const until = async (word: string): Promise<void> => await expect.poll(() => said).toContain(word);
  await until('started');
  child.kill('SIGINT');
  await until('asked');
  child.stdin.end();
  expect(await child).toMatchObject({ exitCode: 9, stdout: 'started\nasked\nserved', stderr: '' });
});

test('a program that is not there is said', async () => {
  const streams = { stdout: process.stdout, environment: ENVIRONMENT, signal: new AbortController().signal };
  await expect(runSandbox({ exec: ['/nowhere/program'] }, streams)).rejects.toThrow('/nowhere/program');
});

test('a port that is taken is named, and what had started is closed again', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => {
    other.close();
  });
  const address = other.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  await expect(startSandbox({ cloudflared: null, port: address.port })).rejects.toThrow(`127.0.0.1:${address.port}`);
});

test('closing twice, and with a client in the middle of a request, ends', async () => {
  const sandbox = await startSandbox({ cloudflared: null });
  sandbox.faults.api.add({ fault: { kind: 'hang' } });
  const hanging = fetch(`${sandbox.apiUrl}/zones`);
  const waiting = connectSandbox(sandbox.controlUrl).waitUntil({ kind: 'connections', atLeast: 1 }, 60_000);
  await sandbox.world.changes.wait(() => (sandbox.requests.count() > 0 ? true : undefined), 5_000);
  await Promise.all([expect(hanging).rejects.toThrow(), expect(waiting).rejects.toThrow(), sandbox.close()]);
  await sandbox.close();
});
