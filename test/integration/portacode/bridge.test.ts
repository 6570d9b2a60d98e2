import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { PortacodeEvent } from '../../../src/portacode/events.js';
import { createPortacodeRig, eventually, isRoot, matching, type PortacodeRig } from './portacode-rig.js';

const PROGRAM = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

interface Bridge {
  send(...lines: readonly (string | object)[]): void;
  /** The input ends. */
  end(): void;
  kill(signal: NodeJS.Signals): void;
  /** Everything that was said so far. */
  readonly events: readonly PortacodeEvent[];
  /** The first event that passes, said already or not. */
  until(accept: (event: PortacodeEvent) => boolean): Promise<PortacodeEvent>;
  readonly ended: Promise<number | NodeJS.Signals>;
}

const environmentOf = (rig: PortacodeRig): NodeJS.ProcessEnv => ({
  PATH: `${rig.pct.directory}:${process.env['PATH'] ?? ''}`, HOME: join(rig.directory, 'agent'), ...rig.sandbox.environment(),
  CLOUDFLARED_SUPERVISOR_BASE_DIR: rig.baseDir, CLOUDFLARED_SUPERVISOR_STATE_DIR: rig.stateDir,
});

function startBridge(rig: PortacodeRig, args: readonly string[], env: NodeJS.ProcessEnv = environmentOf(rig)): Bridge {
  const child = spawn(process.execPath, [PROGRAM, 'portacode', ...args], { stdio: ['pipe', 'pipe', 'inherit'], env });
  // Both are ended before the rig is: what was brought up would stay.
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await rig.stopStarted();
  });
  const events: PortacodeEvent[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    events.push(JSON.parse(line) as PortacodeEvent);
    for (const look of waiting) look();
  });
  return {
    events,
    send: (...lines) => void child.stdin.write(lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('')),
    end: () => void child.stdin.end(),
    kill: (signal) => void child.kill(signal),
    until: (accept) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = events.find(accept);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    ended: once(child, 'close').then(([code, signal]) => (signal ?? code) as number | NodeJS.Signals),
  };
}

const configure = (requestId: string, ...names: readonly string[]): Readonly<Record<string, unknown>> => ({
  cmd: 'configure_cloudflare_forwarding', device_id: '6', request_id: requestId, rules: names.map((name) => ({ hostname: `${name}.example.com`, destination: 'http://127.0.0.1:3000' })),
});

test('brings the daemon up, works on several commands at once, answers each, and ends with its input', async () => {
  const rig = await createPortacodeRig();
  const bridge = startBridge(rig, []);
  bridge.send({ cmd: 'setup_cloudflare_tunnel', device_id: '6', request_id: 's1' }, '{"half', '[]', '', '{"request_id":"r1"}', { cmd: 'nonsense', request_id: 'r2' }, { cmd: 'follow', request_id: 'r3' }, 'x'.repeat(100), configure('early', 'app'));
  await bridge.until(({ event }) => event === 'cloudflare_tunnel_login');
  // The login waits for a person, and nobody waits for the login.
  expect(await bridge.until(({ request_id: id }) => id === 'early')).toMatchObject({ event: 'error', error_code: 'SETUP_REQUIRED' });
  await rig.authorise();
  expect(await bridge.until(({ event }) => event === 'cloudflare_tunnel_configured')).toMatchObject({ request_id: 's1' });
  // In the order in which they were sent, though each goes its own way.
  bridge.send(...Array.from({ length: 20 }, (_, number) => configure(`f${number}`, `name-${number}`)));
  bridge.end();
  expect(await bridge.ended).toBe(0);

  const answers = new Map(bridge.events.map((event) => [event['request_id'], event]));
  expect([answers.get('r1'), answers.get('r2'), answers.get('r3')].map((event) => [event?.event, event?.['message']])).toEqual([
    ['error', 'cmd is required'], ['error', 'unknown command "nonsense"'], ['error', 'following is an option of the command line: --follow'],
  ]);
  expect(bridge.events.filter((event) => event['request_id'] === undefined).map(({ event, message }) => [event, message])).toEqual([
    ['error', 'the line is not JSON'], ['error', 'the line is not a JSON object'], ['error', 'the line is not JSON'],
  ]);
  for (let number = 0; number < 20; number += 1) expect(answers.get(`f${number}`)).toMatchObject({ event: 'cloudflare_forwarding_configured' });
  expect(rig.readState('forwarding')).toMatchObject({ rules: [{ hostname: 'name-19.example.com' }] });
});

test('with --follow goes on across a killed daemon, keeps the files current where the agent reads them, until it is stopped', async () => {
  const rig = await createPortacodeRig();
  const bridge = startBridge(rig, ['--follow']);
  bridge.send({ cmd: 'setup_cloudflare_tunnel', device_id: '6', request_id: 's1' });
  await bridge.until(({ event }) => event === 'cloudflare_tunnel_login');
  await rig.authorise();
  await bridge.until(({ event }) => event === 'cloudflare_tunnel_configured');
  expect(bridge.events.filter(({ event }) => event === 'cloudflare_tunnel_configured')).toHaveLength(1);
  bridge.send(configure('f1', 'app'));
  await bridge.until(({ request_id: id }) => id === 'f1');

  const [before] = (await rig.client.status()).connectors;
  const { pid } = (await rig.client.status()).daemon;
  process.kill(pid, 'SIGKILL');
  bridge.send(configure('f2', 'app', 'web'));
  expect(await bridge.until(({ request_id: id }) => id === 'f2')).toMatchObject({ event: 'cloudflare_forwarding_configured', rules: [{}, {}] });
  expect((await rig.client.status()).daemon.pid).not.toBe(pid);
  expect(before).toBeDefined();

  await rig.client.addRule({ hostname: 'new.example.com', destination: 'http://127.0.0.1:1' });
  expect(await bridge.until(({ event }) => event === 'cloudflare_forwarding_changed')).toMatchObject({ reason: 'user', rules: [{}, {}, { hostname: 'new.example.com' }] });
  expect(bridge.events.some(({ event }) => event.startsWith('supervisor_'))).toBe(false);
  expect(bridge.events.some((event) => 'seq' in event)).toBe(false);

  const agentDir = join(rig.directory, 'agent', '.config', 'portacode');
  for (const name of ['tunnel', 'forwarding'] as const) {
    const read = (): unknown => JSON.parse(readFileSync(join(agentDir, `cloudflare_${name}.json`), 'utf8'));
    await eventually(read).toEqual(rig.readState(name));
    expect(statSync(join(agentDir, `cloudflare_${name}.json`)).mode & 0o777).toBe(0o600);
  }
  expect(readdirSync(agentDir).sort()).toEqual(['cloudflare_forwarding.json', 'cloudflare_tunnel.json']);
  bridge.end();
  bridge.kill('SIGTERM');
  expect(await bridge.ended).toBe(0);
  // The daemon serves on.
  expect((await rig.client.status()).rules).toHaveLength(3);
});

test.each(['SIGTERM', 'SIGKILL'] as const)('a login that waits is asked for again where the daemon ends by %s', async (signal) => {
  const rig = await createPortacodeRig();
  const bridge = startBridge(rig, []);
  bridge.send({ cmd: 'setup_cloudflare_tunnel', device_id: '6', request_id: 's1' });
  const { login_url: first } = await bridge.until(({ event }) => event === 'cloudflare_tunnel_login');
  process.kill((await rig.client.status()).daemon.pid, signal);
  await bridge.until(({ event, login_url: url }) => event === 'error' || (event === 'cloudflare_tunnel_login' && url !== first));
  await rig.authorise();
  expect(await bridge.until(({ event }) => event !== 'cloudflare_tunnel_login')).toMatchObject({ event: 'cloudflare_tunnel_configured', request_id: 's1' });
});

test('status --portacode prints what Portacode shows, with a daemon and without', async () => {
  const rig = await createPortacodeRig();
  const daemon = await rig.serve();
  const show = (): unknown => JSON.parse(spawnSync(process.execPath, [PROGRAM, 'status', '--portacode'], { encoding: 'utf8', env: environmentOf(rig) }).stdout);
  expect(show()).toEqual({ cloudflare_tunnel: {}, cloudflare_forwarding: { rules: [], updated_at: null } });
  await rig.connect();
  await rig.ask(configure('f1', 'app'));
  const shown = { cloudflare_tunnel: rig.readState('tunnel'), cloudflare_forwarding: { rules: [{ hostname: 'app.example.com', destination: 'http://127.0.0.1:3000' }], updated_at: rig.readState('forwarding')['updated_at'] } };
  expect(show()).toEqual(shown);
  daemon.kill('SIGKILL');
  await daemon.ended;
  expect(show()).toEqual(shown);
});

test('waits for a reader that is slow, whatever many answers wait with it, and without a word', async () => {
  const rig = await createPortacodeRig();
  await rig.serve();
  const child = spawn(process.execPath, [PROGRAM, 'portacode'], { stdio: ['pipe', 'pipe', 'pipe'], env: environmentOf(rig) });
  onTestFinished(() => void child.kill('SIGKILL'));
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  const long = 'x'.repeat(100_000);
  child.stdin.end(Array.from({ length: 30 }, (_, number) => `${JSON.stringify({ cmd: 'configure_cloudflare_forwarding', request_id: `${number} ${long}` })}\n`).join(''));
  // None of them is read before all are given, and remembered.
  const answers = join(rig.baseDir, 'answers.jsonl');
  await eventually(() => (existsSync(answers) ? readFileSync(answers, 'utf8').split('\n').length : 0)).toBe(31);
  await rig.client.status();
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  await once(child, 'close');
  expect(lines).toHaveLength(30);
  expect(complaints).toBe('');
});

test('ends when nobody reads any more', async () => {
  const rig = await createPortacodeRig();
  await rig.serve();
  const child = spawn('sh', ['-c', `"${process.execPath}" "${PROGRAM}" portacode --follow | head -c 1`], { stdio: ['pipe', 'pipe', 'inherit'], env: environmentOf(rig) });
  const ended = once(child, 'exit');
  child.stdin.write('broken\n'.repeat(3));
  child.stdout.resume();
  const keep = setInterval(() => child.stdin.write('broken\n'), 50);
  child.stdin.on('error', () => undefined);
  expect((await ended)[0]).toBe(0);
  clearInterval(keep);
});

test('says why where no daemon can be had, in words that Portacode forgives', async () => {
  const rig = await createPortacodeRig();
  writeFileSync(rig.baseDir, 'in the way');
  const bridge = startBridge(rig, []);
  bridge.send({ cmd: 'configure_proxmox_container_expose_ports', child_device_id: '598', expose_ports: [], request_id: 'r1' });
  bridge.end();
  expect(await bridge.ended).toBe(0);
  expect(bridge.events).toEqual([expect.objectContaining({ event: 'error', request_id: 'r1', error_code: 'DAEMON_UNREACHABLE', message: matching(/^Cloudflare tunnel is not configured yet\. .* cannot be started: .+/s) })]);
});

const NOBODY = isRoot ? Number(spawnSync('id', ['-u', 'nobody'], { encoding: 'utf8' }).stdout) : Number.NaN;

test.skipIf(!(NOBODY > 0))('as root for a daemon of another user: its files stay its own, and ours are ours (needs root, and a user nobody)', async () => {
  const rig = await createPortacodeRig();
  chmodSync(rig.directory, 0o755);
  for (const directory of [rig.baseDir, rig.stateDir]) {
    mkdirSync(directory, { mode: 0o700 });
    chownSync(directory, NOBODY, NOBODY);
  }
  const file = join(rig.stateDir, 'cloudflare_forwarding.json');
  writeFileSync(file, JSON.stringify({ managed_by: 'cloudflared-supervisor', rules: [{ hostname: 'app.example.com', destination: 'http://127.0.0.1:1' }], updated_at: 'x' }));
  chownSync(file, NOBODY, NOBODY);
  const bridge = startBridge(rig, ['--user', 'nobody'], environmentOf(rig));
  bridge.send({ cmd: 'configure_cloudflare_forwarding', device_id: '6', request_id: 'r1' });
  bridge.end();
  expect(await bridge.ended).toBe(0);
  expect(bridge.events).toMatchObject([{ event: 'error', error_code: 'SETUP_REQUIRED', request_id: 'r1' }]);
  expect((await rig.client.status()).daemon.user).toBe('nobody');
  const mirrored = join(rig.directory, 'agent', '.config', 'portacode', 'cloudflare_forwarding.json');
  expect([existsSync(mirrored), statSync(mirrored).uid, statSync(mirrored).mode & 0o777]).toEqual([true, 0, 0o600]);
  const foreign = [rig.baseDir, rig.stateDir].flatMap((directory) => readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name))).filter((path) => statSync(path).uid !== NOBODY);
  expect(foreign).toEqual([]);
});
