import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Check } from '../../src/doctor/check.js';
import { tempDirectory } from '../fixtures/temp-directory.js';
import { createRig, type Rig } from './daemon/rig.js';

const CLI = join(import.meta.dirname, '../../dist/cli/main.js');
const NOBODY = 65_534;
const canBeNobody = process.geteuid?.() === 0 && spawnSync('setpriv', [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', 'test', '-r', CLI]).status === 0;

interface Diagnosis {
  readonly code: number;
  readonly checks: readonly Check[];
  readonly stdout: string;
}

async function runDoctor(environment: Readonly<Record<string, string | undefined>>, ...argv: readonly string[]): Promise<Diagnosis> {
  const { stdout, code = 0 } = await promisify(execFile)(process.execPath, [CLI, 'doctor', ...argv], { env: environment }).catch((error: { stdout: string; code: number }) => error) as { stdout: string; code?: number };
  return { code, stdout, checks: argv.includes('--json') ? (JSON.parse(stdout) as { checks: readonly Check[] }).checks : [] };
}

const environmentOf = (rig: Rig): Record<string, string | undefined> => ({
  PATH: process.env['PATH'], ...rig.sandbox.environment(), CLOUDFLARED_SUPERVISOR_BASE_DIR: rig.baseDir, CLOUDFLARED_SUPERVISOR_STATE_DIR: join(rig.directory, 'state'),
});

const failures = ({ checks }: Diagnosis): readonly string[] => checks.filter(({ ok }) => !ok).map(({ name, code }) => `${name} ${code ?? ''}`);
const messageOf = ({ checks }: Diagnosis, name: string): string => checks.find((check) => check.name === name)?.message ?? '';

const NAMES = ['node', 'platform', 'memory', 'disk', 'base-directory', 'file-owners', 'cloudflared', 'certificates', 'resolver', 'edge', 'api', 'clock', 'service', 'other-cloudflared', 'lock', 'socket', 'connector', 'attention'];

describe('doctor', () => {
  test('finds nothing wrong before, with, and after a daemon, and leaves nothing', async () => {
    const rig = await createRig();
    const before = await runDoctor(environmentOf(rig), '--json');
    expect(failures(before)).toEqual([]);
    expect(before.code).toBe(0);
    expect(before.checks.map(({ name }) => name)).toEqual(NAMES);
    for (const check of before.checks) expect(Object.keys(check)).toEqual(['name', 'ok', 'code', 'message', 'hint']);
    expect(readdirSync(rig.directory)).toEqual([]);

    const daemon = await rig.start();
    await rig.setUp();
    const during = await runDoctor(environmentOf(rig), '--json');
    expect(failures(during)).toEqual([]);
    expect(during.code).toBe(0);
    for (const name of ['lock', 'socket']) expect(messageOf(during, name)).toContain(`pid ${String(daemon.pid)}`);
    expect(messageOf(during, 'connector')).toContain('example.com');

    const shown = await runDoctor(environmentOf(rig));
    expect(shown.stdout.match(/^[✓!]/gmu)).toHaveLength(NAMES.length);
  });

  test('says what is wrong, and what to do, each with its code', async () => {
    const rig = await createRig();
    const environment = { ...environmentOf(rig), CLOUDFLARED_SUPERVISOR_CLOUDFLARED: '/nowhere/cloudflared', CLOUDFLARED_SUPERVISOR_EDGE: '127.0.0.1:1' };
    mkdirSync(rig.baseDir);
    writeFileSync(join(rig.baseDir, 'lock'), '');
    const wrong = await runDoctor(environment, '--json', '--api-url', 'http://127.0.0.1:1/client/v4');
    expect(wrong.code).toBe(1);
    expect(failures(wrong)).toEqual(['cloudflared BINARY_MISSING', 'edge EDGE_UNREACHABLE', 'api CLOUDFLARE_UNREACHABLE']);
    for (const { ok, hint } of wrong.checks) if (!ok) expect(hint).toMatch(/\w/);
    expect((await runDoctor(environment)).stdout.match(/^✗/gmu)).toHaveLength(2);
  });

  test.skipIf(!canBeNobody)('looks as the service user does (needs root, and a checkout that others can read)', async () => {
    const rig = await createRig();
    const directory = tempDirectory();
    chmodSync(directory, 0o711);
    const home = join(directory, 'home');
    mkdirSync(home);
    const environment = { ...environmentOf(rig), CLOUDFLARED_SUPERVISOR_BASE_DIR: join(home, 'base'), CLOUDFLARED_SUPERVISOR_STATE_DIR: join(home, 'state'), SUDO_UID: String(NOBODY), SUDO_USER: 'nobody' };
    const closed = await runDoctor(environment, '--json');
    expect(failures(closed)).toContain('base-directory STORAGE_FORBIDDEN');
    chownSync(home, NOBODY, NOBODY);
    mkdirSync(join(home, 'base'), { mode: 0o700 });
    writeFileSync(join(home, 'base', 'left-by-root'), '');
    chownSync(join(home, 'base'), NOBODY, NOBODY);
    const left = await runDoctor(environment, '--json');
    expect(failures(left)).toContain('file-owners FILES_FOREIGN');
    expect(messageOf(left, 'file-owners')).toContain('left-by-root do not belong to nobody');
  });
});
