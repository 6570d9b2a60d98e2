import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { installPrerequisites } from '../../../src/releases/prerequisites.js';
import { ASSET, programSaying, startReleaseServer, type ReleaseServer } from '../../fixtures/releases/release-server.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const PROGRAM = join(import.meta.dirname, '../../../dist/cli/main.js');
const VERSION = '2026.8.2';
const NOBODY = 65_534;

const succeeds = (...[file, ...argv]: [string, ...string[]]): boolean => spawnSync(file, argv).status === 0;
const isRoot = process.geteuid?.() === 0;
const canMount = isRoot && succeeds('unshare', '-m', 'sh', '-c', 'mount -t tmpfs tmpfs /mnt');
const canBeNobody = isRoot && succeeds('setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', 'test', '-r', PROGRAM);
const canMakeUsers = canMount && canBeNobody && succeeds('sh', '-c', 'command -v useradd && command -v sudo && command -v install');

interface Ran {
  readonly code: number | null;
  /** The one line of JSON that the command gave. */
  readonly answer: { readonly code?: string; readonly outcome?: string; readonly path?: string; readonly message?: string; readonly warnings?: readonly { readonly code: string }[] };
  /** What the script said besides. */
  readonly lines: readonly string[];
}

/** A shell script, with `$CLI` for our program; in a world of mounts of its own where that is possible. */
async function runScript(script: string, environment: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const [file, ...argv] = canMount ? ['unshare', '-m', 'sh', '-ec', script] : ['sh', '-ec', script];
  const child = spawn(file ?? 'sh', argv, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], CLI: `${process.execPath} ${PROGRAM}`, ...environment } });
  const [stdout, stderr] = await Promise.all([child.stdout, child.stderr].map(async (stream) => (await stream.setEncoding('utf8').toArray()).join('')));
  const lines = (stdout ?? '').split('\n').filter((line) => line !== '');
  const json = lines.find((line) => line.startsWith('{'));
  if (json === undefined) throw new Error(`${stdout ?? ''}${stderr ?? ''}`);
  return { code: child.exitCode, answer: JSON.parse(json) as Ran['answer'], lines: lines.filter((line) => line !== json) };
}

async function publishing(program = programSaying(VERSION)): Promise<ReleaseServer> {
  const server = await startReleaseServer();
  server.publish(VERSION, program);
  return server;
}

const installIn = (directory: string, server: ReleaseServer, more = ''): string => `$CLI install --json --base-dir ${directory}/base --state-dir ${directory}/state --mirror ${server.url.href} --version ${VERSION} ${more}`;

describe.skipIf(!canMount)('a file system that fails (needs root and mounts)', () => {
  /** The base directory is on a file system of its own, with an old cloudflared in it; says what is there afterwards. */
  const onMount = (directory: string, options: string, before: string, command: string): string => `
    mkdir -p ${directory}/base && mount -t tmpfs -o mode=700,${options} tmpfs ${directory}/base
    mkdir -m 700 ${directory}/base/bin && printf old > ${directory}/base/bin/cloudflared
    ${before}
    ${command} || true
    echo "$(cat ${directory}/base/bin/cloudflared) $(ls ${directory}/base/bin | tr '\\n' ' ')"
  `;
  const large = programSaying(VERSION) + '#'.repeat(200_000);

  test.each([
    ['is full', 'size=64k', '', large, 'DISK_FULL'],
    ['has no inode left', 'nr_inodes=3', '', programSaying(VERSION), 'DISK_FULL'],
    ['is read-only', 'size=1m', 'mount -o remount,ro %/base', programSaying(VERSION), 'STORAGE_READONLY'],
    ['lets no program be run', 'size=1m,noexec', '', programSaying(VERSION), 'BINARY_NOT_EXECUTABLE'],
  ])('that %s', async (_name, options, before, program, code) => {
    const server = await publishing(program);
    const directory = tempDirectory();
    const { answer, lines } = await runScript(onMount(directory, options, before.replaceAll('%', directory), installIn(directory, server)));
    expect(answer).toMatchObject({ code });
    expect(lines).toEqual(['old cloudflared ']);
    const isDownloaded = server.asked.some((path) => path.endsWith(ASSET));
    expect(isDownloaded).toBe(code === 'DISK_FULL' && program === large);
  });
});

/** Everything below, with its owner. */
function ownersBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).map((entry) => `${statSync(join(entry.parentPath, entry.name)).uid} ${entry.name}`);
}

describe.skipIf(!canBeNobody)('as root (needs root, and a checkout that others can read)', () => {
  test('what was downloaded is tried as nobody, and only then put in place', async () => {
    const directory = tempDirectory();
    const witness = join(directory, 'witness');
    mkdirSync(witness);
    chmodSync(witness, 0o777);
    chmodSync(directory, 0o711);
    const server = await publishing(programSaying(VERSION, `echo "$(id -u) $(id -g) $(id -G)" >> ${witness}/ids\n`));
    const { answer } = await runScript(installIn(directory, server));
    expect(answer).toMatchObject({ outcome: 'installed', path: `${directory}/base/bin/cloudflared` });
    const group = spawnSync('id', ['-g', 'nobody'], { encoding: 'utf8' }).stdout.trim();
    expect(readFileSync(join(witness, 'ids'), 'utf8')).toBe(`${NOBODY} ${group} ${group}\n`);
    // Nobody could have entered it: it was tried by its descriptor.
    expect(statSync(join(directory, 'base')).mode & 0o077).toBe(0);
  });

  test('for somebody else: nothing of root\'s is left in their directory', async () => {
    const directory = tempDirectory();
    const home = join(directory, 'home');
    chmodSync(directory, 0o711);
    mkdirSync(home);
    chownSync(home, NOBODY, NOBODY);
    const server = await publishing();
    for (const command of ['install --to user', 'install', 'upgrade', 'doctor']) {
      await runScript(`${installIn(home, server).replace('install', command).replace(/--version \S+/, command === 'doctor' ? '' : `--version ${VERSION}`)} || true`, { SUDO_UID: String(NOBODY), SUDO_GID: String(NOBODY), SUDO_USER: 'nobody' });
    }
    const owners = ownersBelow(home);
    expect(owners).toContain(`${NOBODY} cloudflared`);
    expect(owners.filter((entry) => !entry.startsWith(`${NOBODY} `))).toEqual([]);
  });
});

describe.skipIf(!canMount)('into the system (needs root and mounts)', () => {
  test('as root, where it can be run by everybody', async () => {
    const server = await publishing();
    const { answer, lines } = await runScript(`
      mount -t tmpfs -o mode=755 tmpfs /usr/local
      ${installIn('/nonexistent', server, '--to system')}
      stat -c '%U %a %n' /usr/local/bin/*
      ${installIn('/nonexistent', server, '--to system')} | tr '{' '('
      test -e /nonexistent || echo nothing else
    `);
    expect(answer).toMatchObject({ outcome: 'installed', path: '/usr/local/bin/cloudflared', version: VERSION });
    expect(lines).toEqual(['root 755 /usr/local/bin/cloudflared', expect.stringContaining('"outcome":"found"'), 'nothing else']);
  });
});

describe.skipIf(!canMakeUsers)('into the system as a user (needs root, mounts, useradd and sudo)', () => {
  /** As the user `tester`, with the sudoers line that is given, and an old cloudflared in the system. */
  async function installAsTester(sudoers: string, server: ReleaseServer): Promise<Ran> {
    return await runScript(`
      mount -t tmpfs -o mode=755 tmpfs /mnt
      cp -a /etc /mnt/etc && mount --bind /mnt/etc /etc
      mkdir -p /mnt/home && useradd -M -d /mnt/home tester && chown tester: /mnt/home
      printf '%s\\n' "$SUDOERS" > /etc/sudoers.d/tester && chmod 0440 /etc/sudoers.d/tester
      rm -f /etc/doas.conf
      mount -t tmpfs -o mode=755 tmpfs /usr/local && mkdir /usr/local/bin && printf old > /usr/local/bin/cloudflared
      setpriv --reuid=tester --regid=tester --init-groups --reset-env $CLI install --json --to system --mirror ${server.url.href} --version ${VERSION} || true
      for file in /usr/local/bin/* /usr/local/bin/.*; do test -f "$file" && stat -c '%U %a %n' "$file"; done
      find /usr/local/bin -name '.*' -size +0
      head -c 9 /usr/local/bin/cloudflared; echo
      find /mnt/home ! -user tester; ls -A /mnt/home/.cloudflared/supervisor/bin
    `, { SUDOERS: sudoers });
  }

  test('who may do anything without a password', async () => {
    const { answer, lines } = await installAsTester('tester ALL=(ALL) NOPASSWD: ALL', await publishing());
    expect(answer).toMatchObject({ outcome: 'installed', path: '/usr/local/bin/cloudflared', warnings: [] });
    expect(lines).toEqual(['root 755 /usr/local/bin/cloudflared', '#!/bin/sh']);
  });

  test('who may run `install` alone, and is told what that means', async () => {
    const { answer, lines } = await installAsTester('tester ALL=(root) NOPASSWD: /usr/bin/install', await publishing());
    expect(answer).toMatchObject({ outcome: 'installed' });
    expect(answer.warnings?.map(({ code }) => code)).toEqual(['NOT_AT_ONCE', 'FILE_LEFT']);
    expect(lines).toEqual(['root 755 /usr/local/bin/cloudflared', 'root 755 /usr/local/bin/.cloudflared.new', '#!/bin/sh']);
  });

  test('who may run `install` to that one place', async () => {
    const { answer, lines } = await installAsTester('tester ALL=(root) NOPASSWD: /usr/bin/install -m 0755 -o 0 -g 0 * /usr/local/bin/cloudflared', await publishing());
    expect(answer).toMatchObject({ outcome: 'installed', warnings: [{ code: 'NOT_AT_ONCE' }] });
    expect(lines).toEqual(['root 755 /usr/local/bin/cloudflared', '#!/bin/sh']);
  });

  test('who may not without a password: what was there stays', async () => {
    const { answer, lines } = await installAsTester('tester ALL=(ALL) ALL', await publishing());
    expect(answer).toMatchObject({ code: 'PRIVILEGE_PASSWORD_REQUIRED', message: expect.stringContaining('/usr/local/bin/') as string });
    expect(lines).toEqual(['root 644 /usr/local/bin/cloudflared', 'old']);
  });
});

describe.skipIf(!isRoot)('prerequisites (needs root)', () => {
  /** A package manager that notes what it is asked for. */
  function putManager(directory: string, name: string, body = ''): (asked: string) => string | undefined {
    const path = join(directory, name);
    writeFileSync(path, `#!/bin/sh\necho "${name} $*" >> ${directory}/asked\n${body}`, { mode: 0o755 });
    return (asked) => (asked === name ? path : undefined);
  }
  const none = () => undefined;

  test.each([
    ['apk', 'apk add --no-cache ca-certificates'],
    ['apt-get', 'apt-get install -y -q --no-install-recommends ca-certificates'],
    ['dnf', 'dnf install -y -q ca-certificates'],
    ['yum', 'yum install -y -q ca-certificates'],
    ['zypper', 'zypper --non-interactive --quiet install ca-certificates'],
  ])('by %s', async (name, command) => {
    const directory = tempDirectory();
    const findProgram = putManager(directory, name);
    const options = { env: {}, findBundle: none, findProgram };
    expect(await installPrerequisites({ ...options, dryRun: true })).toMatchObject({ outcome: 'planned', command: [join(directory, name), ...command.split(' ').slice(1)] });
    expect(await installPrerequisites({ ...options, dryRun: false })).toMatchObject({ outcome: 'installed', packages: ['ca-certificates'] });
    expect(readFileSync(join(directory, 'asked'), 'utf8')).toBe(`${command}\n`);
  });

  test('after the package manager has learned what there is, where it does not know', async () => {
    const directory = tempDirectory();
    const findProgram = putManager(directory, 'apt-get', `case $1 in update) touch ${directory}/updated;; install) test -e ${directory}/updated || { echo 'E: Unable to locate package' >&2; exit 100; };; esac\n`);
    expect(await installPrerequisites({ env: {}, dryRun: false, findBundle: none, findProgram })).toMatchObject({ outcome: 'installed' });
    expect(readFileSync(join(directory, 'asked'), 'utf8').trim().split('\n').map((line) => line.split(' ')[1])).toEqual(['install', 'update', 'install']);
  });

  test('are left alone where they are there; without a package manager it is said', async () => {
    const findBundle = () => ({ source: 'system' as const, path: '/etc/ssl/cert.pem', environment: {} });
    expect(await installPrerequisites({ env: {}, dryRun: false, findBundle, findProgram: none })).toEqual({ outcome: 'present', packages: ['ca-certificates'], command: null });
    await expect(installPrerequisites({ env: {}, dryRun: false, findBundle: none, findProgram: none })).rejects.toMatchObject({ code: 'PACKAGE_MANAGER_MISSING' });
    const directory = tempDirectory();
    const failing = putManager(directory, 'dnf', 'echo "no mirror" >&2; exit 1\n');
    await expect(installPrerequisites({ env: {}, dryRun: false, findBundle: none, findProgram: failing })).rejects.toMatchObject({ code: 'PRIVILEGED_COMMAND_FAILED', message: expect.stringContaining('no mirror') as string });
  });
});
