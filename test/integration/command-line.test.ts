import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { tempDirectory } from '../fixtures/temp-directory.js';
import { createRig, type Rig } from './daemon/rig.js';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Place {
  readonly baseDir: string;
  readonly directory: string;
}

interface Circumstances {
  /** Whoever reads standard output leaves after so many. */
  readonly readBytes?: number;
  readonly onOutput?: () => void;
  /** On standard input, which is a socket then: Node makes pipes of those. */
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

async function say({ baseDir, directory }: Place, words: readonly string[], { readBytes = Infinity, onOutput, input, environment = {} }: Circumstances = {}): Promise<Said> {
  const child = spawn(process.execPath, [CLI, ...words], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], CLOUDFLARED_SUPERVISOR_BASE_DIR: baseDir, CLOUDFLARED_SUPERVISOR_STATE_DIR: join(directory, 'state'), ...environment },
  });
  child.stdin.on('error', () => undefined).end(input);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    onOutput?.();
    if (stdout.length >= readBytes) child.stdout.destroy();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

async function published(): Promise<Rig> {
  const rig = await createRig();
  await rig.start();
  await rig.setUp();
  await rig.client.addRule({ hostname: 'app.example.com', destination: 'http://127.0.0.1:1' });
  return rig;
}

describe('without a daemon', () => {
  test.each([['setup'], ['setup', '--json'], ['status'], ['events'], ['forward', 'list']])('%s says so and ends', async (...words) => {
    const directory = tempDirectory();
    const { code, stdout, stderr } = await say({ directory, baseDir: join(directory, 'base') }, words);
    expect(code).toBe(3);
    expect(stdout + stderr).toContain('DAEMON_UNREACHABLE');
    expect(stdout + stderr).toContain('cloudflared-supervisor up');
  });

  test('what was typed wrong is said in one line, with the help of that very command', async () => {
    const directory = tempDirectory();
    const place = { directory, baseDir: join(directory, 'base') };
    expect(await say(place, ['stup'])).toEqual({ code: 2, stdout: '', stderr: "error unknown command 'stup' (Did you mean setup?) (OPTION_INVALID)\n  See `cloudflared-supervisor --help`.\n" });
    expect((await say(place, ['forward', 'add', 'x'])).stderr).toContain('See `cloudflared-supervisor forward add --help`.');
  });

  test('the sandbox says what it was asked wrongly', async () => {
    const directory = tempDirectory();
    const place = { directory, baseDir: join(directory, 'base') };
    for (const words of [['--port', '99999'], ['--zone', 'bad zone'], ['--cloudflared', '/nowhere/cloudflared'], ['--stand-in', '/nowhere/program']])
      expect(await say(place, ['sandbox', ...words]), words.join(' ')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^error .+ \(OPTION_INVALID\)\n {2}.+\n$/) as string });
  });

  test('the sandbox takes what follows its zones for the command', async () => {
    const directory = tempDirectory();
    const place = { directory, baseDir: join(directory, 'base') };
    expect(await say(place, ['sandbox', '--zone', 'one.example', '--zone', 'two.example', 'echo', 'inside'])).toEqual({ code: 0, stdout: 'inside\n', stderr: '' });
  });

  test.skipIf(process.platform !== 'linux')('a base directory that can never be made is said', async () => {
    expect(await say({ directory: tempDirectory(), baseDir: '/proc/nowhere/base' }, ['up'])).toMatchObject({ code: 1, stderr: expect.stringContaining('STORAGE_FAILED') as string });
  });
});

describe('with a daemon', () => {
  test('`up` refuses wrong options, and says that right ones wait for a restart', async () => {
    const rig = await createRig();
    await rig.start();
    expect(await say(rig, ['up', '--connections', '99'])).toMatchObject({ code: 2, stdout: '' });
    expect(await say(rig, ['up'], { environment: { CLOUDFLARED_SUPERVISOR_CONNECTIONS: '99' } })).toMatchObject({ code: 2, stdout: '' });
    expect(await say(rig, ['up', '--connections', '2'])).toMatchObject({ code: 0, stderr: expect.stringContaining('OPTIONS_OF_DAEMON') as string });
    expect(await say(rig, ['up', '--base-dir', rig.baseDir])).toMatchObject({ code: 0, stderr: '' });
  });

  test('`up` tells options that differ, by flag or variable, from those that the daemon has', async () => {
    const directory = tempDirectory();
    const place = { directory, baseDir: join(directory, 'base') };
    const [two, three] = ['2', '3'].map((connections) => ({ environment: { CLOUDFLARED_SUPERVISOR_CONNECTIONS: connections } }));
    try {
      expect(await say(place, ['up'], two)).toMatchObject({ code: 0, stderr: '' });
      for (const same of [await say(place, ['up'], two), await say(place, ['up', '--connections', '2']), await say(place, ['up'])]) expect(same).toMatchObject({ code: 0, stderr: '' });
      expect(await say(place, ['up'], three)).toMatchObject({ code: 0, stderr: expect.stringContaining('(connections)') as string });
      expect(await say(place, ['up', '--grace-period', '5s'], two)).toMatchObject({ code: 0, stderr: expect.stringContaining('(grace-period)') as string });
      expect(await say(place, ['up', '--restart'], three)).toMatchObject({ code: 0, stderr: '' });
      expect(await say(place, ['up'], three)).toMatchObject({ code: 0, stderr: '' });
    } finally {
      expect(await say(place, ['down'])).toMatchObject({ code: 0 });
    }
  });

  test('`up --restart` leaves starting to what keeps the daemon, as the entry point of a container does', async () => {
    const directory = tempDirectory();
    const place = { directory, baseDir: join(directory, 'base') };
    const pids: number[] = [];
    let isReady: () => void = () => undefined;
    const serves = new Promise<void>((resolve) => (isReady = resolve));
    const keep = async (): Promise<number> => {
      for (;;) {
        const daemon = spawn(process.execPath, [CLI, 'run'], { stdio: ['ignore', 'pipe', 'ignore'], env: { PATH: process.env['PATH'], CLOUDFLARED_SUPERVISOR_BASE_DIR: place.baseDir, CLOUDFLARED_SUPERVISOR_STATE_DIR: join(directory, 'state') } });
        daemon.stdout.once('data', () => isReady()).resume();
        pids.push(daemon.pid ?? 0);
        const [code] = (await once(daemon, 'exit')) as [number];
        if (code !== 75) return code;
      }
    };
    const kept = keep();
    await serves;
    const { code, stdout } = await say(place, ['up', '--restart', '--json']);
    expect(code).toBe(0);
    expect(pids).toHaveLength(2);
    expect(JSON.parse(stdout)).toMatchObject({ started: true, pid: pids[1] });
    expect(await say(place, ['down'])).toMatchObject({ code: 0 });
    expect(await kept).toBe(0);
  });

  test('of several `up` at once one starts the daemon, and all are served', async () => {
    const directory = tempDirectory();
    const place = { directory, baseDir: join(directory, 'base') };
    try {
      const ups = await Promise.all(Array.from({ length: 4 }, () => say(place, ['up', '--json'])));
      expect(ups.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
      const answers = ups.map(({ stdout }) => JSON.parse(stdout) as { readonly started: boolean; readonly pid: number });
      expect(answers.filter(({ started }) => started)).toHaveLength(1);
      expect(new Set(answers.map(({ pid }) => pid)).size).toBe(1);
    } finally {
      expect(await say(place, ['down'])).toMatchObject({ code: 0 });
    }
  });

  test('a daemon that is told to stop while it starts stops', async () => {
    const directory = tempDirectory();
    for (const [index, sign] of ['base', 'base/lock', 'base/log', 'base/paths.json', 'base/control.sock'].entries()) {
      const place = join(directory, String(index));
      const daemon = spawn(process.execPath, [CLI, 'run'], { stdio: 'ignore', env: { PATH: process.env['PATH'], CLOUDFLARED_SUPERVISOR_BASE_DIR: join(place, 'base'), CLOUDFLARED_SUPERVISOR_STATE_DIR: join(place, 'state') } });
      const ended = once(daemon, 'exit');
      await expect.poll(() => existsSync(join(place, sign)), { interval: 1 }).toBe(true);
      daemon.kill('SIGTERM');
      expect(await ended, sign).toEqual([0, null]);
    }
  });

  test('options after a subcommand are its own, whatever its group takes too', async () => {
    const rig = await createRig();
    await rig.start();
    const elsewhere = ['--base-dir', join(rig.directory, 'elsewhere')];
    for (const words of [['setup', 'cancel'], ['forward', 'list'], ['service', 'status']]) {
      const { code, stderr } = await say(rig, [...words, '--no-such-option']);
      expect([code, stderr], words.join(' ')).toEqual([2, expect.stringContaining(`\`cloudflared-supervisor ${words.join(' ')} --help\``)]);
    }
    for (const words of [['setup', 'cancel'], ['forward', 'list'], ['forward', 'remove', 'app.example.com']]) expect(await say(rig, [...words, ...elsewhere]), words.join(' ')).toMatchObject({ code: 3 });
  });

  test('a program that joins a setup is told the login URL too', async () => {
    const rig = await createRig();
    await rig.start();
    const { seq } = await rig.client.startSetup({});
    await rig.waitFor(({ type }) => type === 'login.url-issued', seq);
    let cancelled: Promise<unknown> | undefined;
    const { code, stdout } = await say(rig, ['setup', '--json'], { onOutput: () => void (cancelled ??= rig.client.cancelSetup()) });
    const lines = stdout.trim().split('\n').map((line) => JSON.parse(line) as unknown);
    expect(lines[0]).toMatchObject({ joined: true, setup: { state: 'waiting', loginUrl: expect.stringContaining('https://') as string } });
    expect(lines.at(-1)).toMatchObject({ code: 'SETUP_CANCELLED' });
    expect(code).toBe(1);
  });

  test('a certificate, and rules, come on standard input', async () => {
    const rig = await createRig();
    await rig.start();
    expect((await say(rig, ['setup', '--cert', '-', '--json'], { input: 'no certificate' })).stdout).toContain('ORIGIN_CERT_INVALID');
    expect(await say(rig, ['setup', '--cert', '/dev/stdin'], { input: rig.certificate() })).toMatchObject({ code: 0 });
    const input = '[{"hostname":"app.example.com","destination":"http_status:404"}]';
    expect(await say(rig, ['forward', 'set', '/dev/stdin'], { input })).toMatchObject({ code: 0 });
  });

  test('origin options are given one by one, before the name or after it', async () => {
    const rig = await published();
    expect(await say(rig, ['forward', 'add', '--origin', 'connectTimeout=5s', 'app.example.com', '3000', '--origin', 'noTLSVerify=true'])).toMatchObject({ code: 0, stderr: '' });
    expect((await rig.client.readForwarding()).rules).toMatchObject([{ destination: 'http://localhost:3000', originRequest: { connectTimeout: '5s', noTLSVerify: true } }]);
  });

  test('a plan is said in words, and what is wrong with a file where it is', async () => {
    const rig = await published();
    const plan = await say(rig, ['forward', 'add', 'new.example.com', '3000', '--dry-run']);
    expect(plan.stdout).toContain('make the DNS record of new.example.com');
    expect(plan.stdout).not.toMatch(/configHash|urgent/);
    expect((await say(rig, ['disconnect', '--dry-run'])).stdout).toMatch(/remove the DNS record of app\.example\.com\n[^]*delete the tunnel/);

    const file = join(rig.directory, 'rules.yaml');
    writeFileSync(file, '- hostname: app.example.org\n  destination: http://localhost:3000\n- hostname: app.example.com\n  destination: http://localhost:99999\n');
    const { code, stderr } = await say(rig, ['forward', 'set', file]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error [^\n]+ \(FORWARDING_INVALID\)\n {2}- rule 1: hostname "app\.example\.org" [^\n]+\n {2}- rule 2: destination [^\n]+\n {2}Correct/);
    writeFileSync(file, '{ not json');
    expect((await say(rig, ['forward', 'set', file])).stderr.split('\n')).toHaveLength(3);
  });

  test('a reader that has seen enough ends what shows, and nothing else', async () => {
    const rig = await published();
    const rules = Array.from({ length: 3000 }, (_, index) => ({ hostname: `n${index}.example.com`, destination: 'http_status:404' }));
    const file = join(rig.directory, 'rules.json');
    writeFileSync(file, JSON.stringify(rules.slice(0, 40)));
    expect(await say(rig, ['forward', 'set', file, '--json'], { readBytes: 1 })).toMatchObject({ code: 0, stderr: '' });
    expect((await rig.client.readForwarding()).rules).toHaveLength(40);
    for (const words of [['status'], ['forward', 'list'], ['events', '--since', '0'], ['logs', '--follow', '--lines', '1000']]) {
      const said = await say(rig, words, { readBytes: 1 });
      expect(said, words.join(' ')).toMatchObject({ code: 0, stderr: '' });
    }
  });
});
