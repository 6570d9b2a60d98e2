import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runPrivileged } from '../../../src/host/privileged.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const TIMEOUT_MS = 10_000;

/** Programs in the place of sudo and doas, first in PATH; what the real ones say is tried on real users elsewhere. */
function withPrograms(programs: Readonly<Record<string, string>>): { readonly env: Record<string, string>; readonly said: string } {
  const directory = tempDirectory();
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\nprintf '%s\\n' "${name}" "$@" > ${directory}/said\nenv > ${directory}/env\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return { env: { PATH: bin, SECRET: 'x', LANG: 'de_DE' }, said: directory };
}

const namesIn = (environment: string): string[] => (environment.match(/^[^=\n]+/gm) ?? []).sort();

const MAY = 'shift 2; exec "$@"';
const MAY_NOT = 'echo "sudo: a password is required" >&2; exit 1';
const asUser = (env: Record<string, string>): Parameters<typeof runPrivileged>[1] => ({ timeoutMs: TIMEOUT_MS, uid: 1000, env });
const noSystemPrograms = ['sudo', 'doas'].every((name) => spawnSync(name, ['-V']).error !== undefined);

describe('as a user', () => {
  test('the command goes through sudo as it is, without a shell, and words on standard error are no failure', async () => {
    const { env, said } = withPrograms({ sudo: `echo "sudo: unable to resolve host x" >&2; ${MAY}` });
    const result = await runPrivileged(['/bin/echo', 'a b', '$HOME', '*'], asUser(env));
    expect(result).toEqual({ stdout: 'a b $HOME *\n', stderr: 'sudo: unable to resolve host x\n', via: 'sudo' });
    expect(readFileSync(join(said, 'said'), 'utf8').split('\n').slice(0, 4)).toEqual(['sudo', '-n', '--', '/bin/echo']);
    // The shell of the script adds PWD by itself.
    expect(namesIn(readFileSync(join(said, 'env'), 'utf8')).filter((name) => name !== 'PWD')).toEqual(['LANG', 'LC_ALL', 'PATH']);
  });

  test('input is handed over', async () => {
    const { env } = withPrograms({ sudo: MAY });
    expect(await runPrivileged(['/bin/cat'], { ...asUser(env), input: 'text\n' })).toMatchObject({ stdout: 'text\n' });
  });

  test('doas is tried where sudo refuses', async () => {
    const { env } = withPrograms({ sudo: MAY_NOT, doas: MAY });
    expect(await runPrivileged(['/bin/echo', 'x'], asUser(env))).toMatchObject({ stdout: 'x\n', via: 'doas' });
  });

  test('where both refuse, what sudo said counts', async () => {
    const { env } = withPrograms({ sudo: 'echo "sudo: sorry, you must have a tty to run sudo" >&2; exit 1', doas: 'echo "doas: Operation not permitted" >&2; exit 1' });
    await expect(runPrivileged(['/bin/echo', 'a b'], asUser(env))).rejects.toMatchObject({ code: 'PRIVILEGE_TTY_REQUIRED', message: 'sudo does not run `/bin/echo "a b"`: sudo: sorry, you must have a tty to run sudo' });
  });

  test('a command that fails is a failure of the command, and is not run a second time', async () => {
    const { env, said } = withPrograms({ sudo: MAY, doas: MAY });
    await expect(runPrivileged(['/bin/sh', '-c', 'echo no space >&2; exit 1'], asUser(env))).rejects.toMatchObject({ code: 'PRIVILEGED_COMMAND_FAILED', message: expect.stringContaining('exit code 1): no space') as string });
    expect(readFileSync(join(said, 'said'), 'utf8')).toMatch(/^sudo\n/);
  });

  test('what hangs is ended in time', async () => {
    const { env } = withPrograms({ sudo: 'exec sleep 60' });
    await expect(runPrivileged(['/bin/true'], { ...asUser(env), timeoutMs: 50 })).rejects.toMatchObject({ code: 'PRIVILEGED_COMMAND_TIMED_OUT' });
  });

  test.skipIf(!noSystemPrograms)('without either program that is said (skipped where the machine has one)', async () => {
    await expect(runPrivileged(['/bin/true'], asUser({ PATH: tempDirectory() }))).rejects.toMatchObject({ code: 'PRIVILEGE_PROGRAM_MISSING' });
    await expect(runPrivileged(['/bin/true'], asUser({}))).rejects.toMatchObject({ code: 'PRIVILEGE_PROGRAM_MISSING' });
  });
});

describe('as root', () => {
  test('the command runs directly, with an environment of our making', async () => {
    const result = await runPrivileged(['/usr/bin/env'], { timeoutMs: TIMEOUT_MS, uid: 0, env: { PATH: '/nonexistent', LD_PRELOAD: '/evil.so' } });
    expect(result.via).toBe('root');
    expect(namesIn(result.stdout)).toEqual(['HOME', 'LANG', 'LC_ALL', 'PATH']);
    expect(result.stdout).not.toContain('/nonexistent');
  });

  test('what fails is said', async () => {
    await expect(runPrivileged(['/bin/false'], { timeoutMs: TIMEOUT_MS, uid: 0 })).rejects.toMatchObject({ code: 'PRIVILEGED_COMMAND_FAILED', message: '`/bin/false` failed as root (exit code 1)' });
    await expect(runPrivileged(['/nonexistent/x'], { timeoutMs: TIMEOUT_MS, uid: 0 })).rejects.toMatchObject({ code: 'PRIVILEGED_COMMAND_FAILED', message: expect.stringContaining('ENOENT') as string });
    await expect(runPrivileged(['/bin/sleep', '60'], { timeoutMs: 50, uid: 0 })).rejects.toMatchObject({ code: 'PRIVILEGED_COMMAND_TIMED_OUT', message: expect.stringContaining('was ended') as string });
  });
});
