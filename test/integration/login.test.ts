import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isAuthorisation } from '../../src/cloudflared/login-url.js';
import { createLogin } from '../../src/cloudflared/login.js';
import type { TerminalKind } from '../../src/cloudflared/terminal.js';
import { listProcesses, readEnviron, type ProcessEntry } from '../../src/host/process-table.js';
import { startSandbox } from '../../src/sandbox/sandbox.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { writeStandIn } from '../../src/sandbox/stand-in/install.js';
import { writeFile } from 'node:fs/promises';

const real = process.env['CLOUDFLARED_SUPERVISOR_CLOUDFLARED'];
const programs = [{ program: 'stand-in', path: undefined as string | undefined }, ...(real === undefined || real === '' ? [] : [{ program: 'real cloudflared', path: real }])];
const ways = programs.flatMap((program) => (['pty', 'pipes'] as const).map((terminal) => ({ ...program, terminal })));

const hasPty = await import('node-pty').then(() => true, () => false);

function homeOf({ pid }: ProcessEntry): string | undefined {
  try {
    return readEnviron(pid)['HOME'];
  } catch {
    return undefined; // It has ended.
  }
}

describe.each(ways)('login of the $program through $terminal', ({ path, terminal }: { path: string | undefined; terminal: TerminalKind }) => {
  const skip = terminal === 'pty' && !hasPty;
  let directory: string;
  let sandbox: Sandbox;
  let binary: { path: string; version: string };
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'supervisor-login-'));
    sandbox = await startSandbox({ cloudflared: null, pollHoldMs: 2_000 });
    binary = { path: path ?? await writeStandIn(join(directory, 'program')), version: '2026.8.2' };
  });
  afterEach(async () => {
    await sandbox.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const home = (): string => join(directory, 'setup', 'home');
  const login = (): ReturnType<typeof createLogin> => createLogin({ home: home(), env: { PATH: process.env['PATH'], TUNNEL_TOKEN: 'must-not-be-seen', ...sandbox.environment() }, terminal });
  /** Of this test: others log in at the same time. */
  const logins = () => listProcesses((entry) => entry.argv.includes('login') && homeOf(entry) === home());

  test.skipIf(skip)('hands out the URL, brings the certificate, and leaves nothing', async () => {
    const urls: string[] = [];
    const seen: Readonly<Record<string, string>>[] = [];
    const outcome = await login().attempt({
      binary, signal: AbortSignal.timeout(25_000),
      onUrl: (url) => {
        urls.push(url);
        seen.push(...logins().map(({ pid }) => readEnviron(pid)));
        sandbox.logins.authorise(url);
      },
    });
    expect(seen).toHaveLength(1);
    expect(Object.keys(seen[0] ?? {})).not.toContain('TUNNEL_TOKEN');
    expect(urls).toHaveLength(1);
    expect(isAuthorisation(urls[0] ?? '')).toBe(true);
    expect(outcome.kind).toBe('certificate');
    if (outcome.kind === 'certificate') {
      expect(outcome.pem.reveal()).toMatch(/^-----BEGIN ARGO TUNNEL TOKEN-----/);
      expect(JSON.stringify(outcome)).not.toContain('ARGO');
    }
    await expect(stat(home())).rejects.toMatchObject({ code: 'ENOENT' });
    expect(logins()).toEqual([]);
  });

  test.skipIf(skip)('gives up when Cloudflare does, and another run has another URL', async () => {
    sandbox.faults.login.add({ fault: { kind: 'give-up' }, times: 1 });
    const urls: string[] = [];
    const first = await login().attempt({ binary, signal: AbortSignal.timeout(25_000), onUrl: (url) => urls.push(url) });
    expect(first).toMatchObject({ kind: 'gave-up' });
    const second = await login().attempt({
      binary, signal: AbortSignal.timeout(25_000),
      onUrl: (url) => {
        urls.push(url);
        sandbox.logins.authorise(url);
      },
    });
    expect(second.kind).toBe('certificate');
    expect(new Set(urls).size).toBe(2);
  });

  test.skipIf(skip)('a certificate that is none is not taken for one', async () => {
    sandbox.faults.login.add({ fault: { kind: 'bad-certificate' }, times: 1 });
    const outcome = await login().attempt({ binary, signal: AbortSignal.timeout(25_000), onUrl: (url) => sandbox.logins.authorise(url) });
    expect(outcome.kind).toBe('gave-up');
  });

  test.skipIf(skip)('is cancelled: the program ends, the home goes, the reason is given', async () => {
    const cancelled = new AbortController();
    const attempt = login().attempt({ binary, signal: cancelled.signal, onUrl: () => cancelled.abort(new Error('cancelled by a person')) });
    await expect(attempt).rejects.toThrow('cancelled by a person');
    expect(logins()).toEqual([]);
    await expect(stat(home())).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(login().attempt({ binary, signal: cancelled.signal, onUrl: () => undefined })).rejects.toThrow('cancelled by a person');
  });

  test.skipIf(skip)('what a killed supervisor left running is swept', async () => {
    // A run that nobody looks after any more.
    const abandoned = login().attempt({ binary, signal: new AbortController().signal, onUrl: () => undefined }).catch((error: unknown) => error);
    await expect.poll(() => sandbox.logins.list().length, { timeout: 10_000 }).toBe(1);
    await login().sweep();
    expect(logins()).toEqual([]);
    await expect(stat(home())).rejects.toMatchObject({ code: 'ENOENT' });
    await abandoned;
  });

  test.skipIf(skip || path !== undefined)('a program that shows no URL fails at once', async () => {
    writeFileSync(join(directory, 'program', 'faults.json'), JSON.stringify({ login: { exitCode: 1, message: 'no such thing here' } }));
    await expect(login().attempt({ binary, signal: AbortSignal.timeout(25_000), onUrl: () => undefined })).rejects.toMatchObject({ code: 'LOGIN_FAILED', message: expect.stringContaining('no such thing here') as unknown });
  });

  test.skipIf(skip || path !== undefined)('a URL that comes in pieces is handed out whole', async () => {
    await writeFile(join(directory, 'program', 'faults.json'), JSON.stringify({ login: { pieces: { bytes: 7, everyMs: 1 } } }));
    const urls: string[] = [];
    const outcome = await login().attempt({
      binary, signal: AbortSignal.timeout(25_000),
      onUrl: (url) => {
        urls.push(url);
        sandbox.logins.authorise(url);
      },
    });
    expect(outcome.kind).toBe('certificate');
    expect(urls).toHaveLength(1);
    expect(isAuthorisation(urls[0] ?? '')).toBe(true);
    expect(urls[0]).toMatch(/%3D$/);
  });

  test.skipIf(skip)('a program that cannot be started is said so', async () => {
    await expect(login().attempt({ binary: { path: join(directory, 'nothing-here'), version: '0' }, signal: AbortSignal.timeout(25_000), onUrl: () => undefined })).rejects.toMatchObject({ code: 'LOGIN_FAILED' });
  });
});
