import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const PROGRAM = join(import.meta.dirname, '../../fixtures/host/run-privileged.mjs');
const NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups'];

const succeeds = (...[file, ...argv]: [string, ...string[]]): boolean => spawnSync(file, argv).status === 0;
/** The users of the test are made in a copy of /etc that only the test sees. */
const canMakeUsers = process.geteuid?.() === 0 && succeeds('unshare', '-m', 'sh', '-c', 'mount -t tmpfs tmpfs /mnt && command -v useradd setpriv')
  && succeeds('setpriv', ...NOBODY, 'test', '-r', PROGRAM);
const has = (program: string): boolean => succeeds('sh', '-c', `command -v ${program}`);

interface Outcome {
  readonly via?: string;
  readonly stdout?: string;
  readonly code?: string;
  readonly message?: string;
  readonly hint?: string;
}

interface Scene {
  /** Shell, as root, before the user runs. */
  readonly prepare?: string;
  readonly sudoers?: string;
  readonly doas?: string;
  readonly command?: string;
  /** Arguments of setpriv. */
  readonly as?: string;
}

/** As the user `tester`, in a world of its own that goes with the process. */
function runAsTester({ prepare = '', sudoers = '', doas = '', command = '/usr/bin/id -u', as = '--reuid=tester --regid=tester --init-groups' }: Scene): Outcome {
  const script = `
    set -e
    mount -t tmpfs -o mode=755 tmpfs /mnt
    cp -a /etc /mnt/etc
    mount --bind /mnt/etc /etc
    useradd -M tester
    printf '%s\\n' "$SUDOERS" > /etc/sudoers.d/tester && chmod 0440 /etc/sudoers.d/tester
    printf '%s\\n' "$DOAS" > /etc/doas.conf && chmod 0400 /etc/doas.conf
    ${prepare}
    exec setpriv ${as} --reset-env "$NODE" "$PROGRAM" ${command}
  `;
  const { stdout, stderr, status } = spawnSync('unshare', ['-m', 'sh', '-c', script], {
    encoding: 'utf8',
    env: { ...process.env, SUDOERS: sudoers, DOAS: doas, NODE: process.execPath, PROGRAM },
  });
  if (status !== 0) throw new Error(`${stdout}${stderr}`);
  return JSON.parse(stdout) as Outcome;
}

/** Nothing else is found then. */
const HIDE_SUDO = 'mount --bind /dev/null "$(command -v sudo)"';
const HIDE_DOAS = 'if command -v doas; then mount --bind /dev/null "$(command -v doas)"; fi >&2';

describe.skipIf(!canMakeUsers || !has('sudo'))('the real sudo (needs root, namespaces, useradd and sudo)', () => {
  test('without a password', () => {
    expect(runAsTester({ sudoers: 'tester ALL=(ALL) NOPASSWD: ALL' })).toEqual({ stdout: '0\n', stderr: '', via: 'sudo' });
  });

  test('for the one command that is allowed, though `sudo -n true` fails', () => {
    const sudoers = 'tester ALL=(root) NOPASSWD: /usr/bin/id';
    expect(runAsTester({ sudoers })).toMatchObject({ stdout: '0\n', via: 'sudo' });
    expect(runAsTester({ sudoers, prepare: HIDE_DOAS, command: '/usr/bin/true' })).toMatchObject({ code: 'PRIVILEGE_PASSWORD_REQUIRED', message: expect.stringContaining('/usr/bin/true') as string, hint: expect.stringContaining('NOPASSWD') as string });
  });

  test('a command that fails, and one that is not there', () => {
    const sudoers = 'tester ALL=(ALL) NOPASSWD: ALL';
    expect(runAsTester({ sudoers, command: '/bin/ls /nonexistent' })).toMatchObject({ code: 'PRIVILEGED_COMMAND_FAILED', message: expect.stringContaining('exit code 2') as string });
    expect(runAsTester({ sudoers, command: '/nonexistent/program' })).toMatchObject({ code: 'PRIVILEGED_COMMAND_FAILED' });
  });

  test.each([
    ['a password is needed', { sudoers: 'tester ALL=(ALL) ALL' }, 'PRIVILEGE_PASSWORD_REQUIRED'],
    ['the user is not known to it', { sudoers: '' }, 'PRIVILEGE_PASSWORD_REQUIRED'],
    ['a terminal is demanded', { sudoers: 'Defaults requiretty\ntester ALL=(ALL) NOPASSWD: ALL' }, 'PRIVILEGE_TTY_REQUIRED'],
    ['no new privileges', { sudoers: 'tester ALL=(ALL) NOPASSWD: ALL', as: '--reuid=tester --regid=tester --init-groups --no-new-privs' }, 'PRIVILEGE_NO_NEW_PRIVILEGES'],
    ['a file system without setuid', { sudoers: 'tester ALL=(ALL) NOPASSWD: ALL', prepare: 'mkdir /mnt/bin && cp -a "$(command -v sudo)" /mnt/bin/ && mount --bind /mnt/bin/sudo "$(command -v sudo)" && mount -o remount,bind,nosuid "$(command -v sudo)"' }, 'PRIVILEGE_NOSUID'],
    ['a uid without a passwd entry', { sudoers: 'ALL ALL=(ALL) NOPASSWD: ALL', as: '--reuid=3999999 --regid=3999999 --clear-groups' }, 'PRIVILEGE_USER_UNKNOWN'],
  ] as const)('%s', (_name, scene, code) => {
    const prepare = 'prepare' in scene ? `${HIDE_DOAS}\n${scene.prepare}` : HIDE_DOAS;
    expect(runAsTester({ ...scene, prepare })).toMatchObject({ code });
  });

  test('is not there, and neither is doas', () => {
    expect(runAsTester({ prepare: `${HIDE_SUDO}\n${HIDE_DOAS}` })).toMatchObject({ code: 'PRIVILEGE_PROGRAM_MISSING' });
  });
});

describe.skipIf(!canMakeUsers || !has('sudo') || !has('doas'))('the real doas (needs root, namespaces, useradd, sudo and doas)', () => {
  test('where there is no sudo', () => {
    expect(runAsTester({ prepare: HIDE_SUDO, doas: 'permit nopass tester as root' })).toMatchObject({ stdout: '0\n', via: 'doas' });
  });

  test('where sudo refuses', () => {
    expect(runAsTester({ doas: 'permit nopass tester as root' })).toMatchObject({ stdout: '0\n', via: 'doas' });
  });

  test.each([
    ['a password is needed', { doas: 'permit tester as root' }, 'PRIVILEGE_PASSWORD_REQUIRED'],
    ['the user is not known to it', { doas: 'permit nopass root' }, 'PRIVILEGE_PASSWORD_REQUIRED'],
    ['it is not enabled', { doas: '' }, 'PRIVILEGE_PASSWORD_REQUIRED'],
    ['no new privileges', { doas: 'permit nopass tester as root', as: '--reuid=tester --regid=tester --init-groups --no-new-privs' }, 'PRIVILEGE_NO_NEW_PRIVILEGES'],
  ] as const)('%s', (_name, scene, code) => {
    expect(runAsTester({ ...scene, prepare: scene.doas === '' ? `${HIDE_SUDO}\nrm /etc/doas.conf` : HIDE_SUDO })).toMatchObject({ code });
  });
});
