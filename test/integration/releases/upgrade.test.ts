import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ANSWERS } from '../../../src/api/answers.js';
import type { SupervisorEvent } from '../../../src/core/events.js';
import { Load } from '../../../src/measure/load.js';
import { wholeBody } from '../../../src/measure/origin.js';
import type { Faults } from '../../../src/sandbox/stand-in/faults.js';
import { CLOUDFLARED_KIND, createRig, type Daemon, type Rig } from '../daemon/rig.js';
import { cloudflaredOfVersion } from '../../fixtures/releases/cloudflared-versions.js';
import { ASSET, sha256, startReleaseServer, status, type ReleaseServer } from '../../fixtures/releases/release-server.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';
import { signalPid } from '../../fixtures/signal-pid.js';
import { untilSent } from '../../fixtures/until-sent.js';

const HOSTNAME = 'app.example.com';
const OLD = '2026.8.2';
const NEW = '2026.9.0';

interface Scene {
  readonly rig: Rig;
  readonly server: ReleaseServer;
  readonly start: (more?: Readonly<Record<string, string>>) => Promise<Daemon>;
  readonly publish: (version: string, faults?: Partial<Faults>) => string;
  readonly binDir: string;
}

/** A machine without a cloudflared, and a mirror that has one. */
async function createScene(): Promise<Scene> {
  const rig = await createRig();
  const server = await startReleaseServer();
  const directory = tempDirectory();
  const publish: Scene['publish'] = (version, faults) => {
    const program = cloudflaredOfVersion(directory, version, faults);
    server.publish(version, program);
    return program;
  };
  publish(OLD);
  const start: Scene['start'] = (more = {}) => rig.start({ PATH: join(directory, 'empty'), CLOUDFLARED_SUPERVISOR_CLOUDFLARED: '', CLOUDFLARED_SUPERVISOR_MIRROR: server.url.href, ...more });
  return { rig, server, publish, start, binDir: join(rig.baseDir, 'bin') };
}

/** With a service published, which a connector of the old version serves alone. */
async function createServingScene(): Promise<Scene & { readonly daemon: Daemon }> {
  const scene = await createScene();
  const { rig } = scene;
  const daemon = await scene.start();
  await rig.setUp();
  const one = await rig.origin('one');
  await rig.client.addRule({ hostname: HOSTNAME, destination: one.url });
  await rig.visitors.until(HOSTNAME, (answer) => answer.kind === 'answered' && answer.body === wholeBody('one'), 5_000);
  await rig.waitFor(({ type, data }) => type === 'connector.stopped' && 'revision' in data && data.revision === 1, 0);
  return { ...scene, daemon };
}

const startLoad = (rig: Rig): Load => new Load(rig.visitors, { hostname: HOSTNAME, perSecond: 200, origins: ['one'] });

async function eventsSince(rig: Rig, since: number): Promise<readonly SupervisorEvent[]> {
  const seen: SupervisorEvent[] = [];
  for await (const line of rig.client.events({ since })) {
    if (line.type === 'snapshot') {
      if (line.data.newestSeq <= since) return seen;
      continue;
    }
    if (line.type === 'heartbeat') continue;
    seen.push(line);
    if (line.type === 'setup.completed' || line.type === 'setup.failed' || line.type === 'binary.upgraded' || line.type === 'binary.reverted') return seen;
  }
  return seen;
}

const served = async (rig: Rig) => (await rig.client.status()).daemon.cloudflared;

describe(`with the ${CLOUDFLARED_KIND} cloudflared`, () => {
  test('a setup installs one by itself where there is none', async () => {
    const { rig, start, binDir } = await createScene();
    await start();
    expect(await served(rig)).toBeNull();
    await rig.setUp();
    const events = await eventsSince(rig, 1);
    expect(events.find(({ type }) => type === 'setup.step-waiting')).toMatchObject({ data: { step: 'find-binary', message: expect.stringContaining('There is no cloudflared') as string } });
    expect(events.find(({ type }) => type === 'binary.installed')).toMatchObject({ data: { path: join(binDir, 'cloudflared'), version: OLD } });
    expect(events.find(({ type }) => type === 'setup.step-completed')).toMatchObject({ data: { step: 'find-binary', detail: OLD } });
    expect(await served(rig)).toEqual({ path: join(binDir, 'cloudflared'), version: OLD });
    expect(readdirSync(binDir)).toEqual(['cloudflared']);
  });

  test('a setup that cannot download one says why, and leaves nothing', async () => {
    const { rig, server, start, binDir } = await createScene();
    server.replies.set(`/mirror/${OLD}/${ASSET}`, '<html>Please log in</html>');
    await start();
    await expect(rig.setUp()).rejects.toThrow(/DOWNLOAD_NOT_PROGRAM/);
    expect(readdirSync(binDir)).toEqual([]);
    server.replies.set('/mirror/latest', status(403));
    await expect(rig.setUp()).rejects.toThrow(/RELEASE_REFUSED/);
  });

  test('an upgrade under load loses nothing', async () => {
    const { rig, publish, binDir } = await createServingScene();
    const [before] = rig.connectors();
    const load = startLoad(rig);
    await untilSent(load, 200);
    const program = publish(NEW);
    const { seq } = (await rig.client.events().next()).value ?? { seq: 0 };
    expect(await rig.client.upgrade({ dryRun: true })).toMatchObject({ outcome: 'planned', from: { version: OLD }, to: { path: join(binDir, 'cloudflared'), version: NEW }, connector: 'none' });
    const [answer, again] = await Promise.all([rig.client.upgrade(), rig.client.upgrade()]);
    expect(ANSWERS.upgrade.parse(answer)).toEqual(answer);
    expect(answer).toMatchObject({ outcome: 'upgraded', from: { path: join(binDir, 'cloudflared'), version: OLD }, to: { path: join(binDir, 'cloudflared'), version: NEW }, connector: 'replaced', warnings: [] });
    expect(again).toEqual(answer);
    await untilSent(load, 900);
    const report = await load.stop();
    expect([...report.reasons]).toEqual([]);
    expect(report.lost).toBe(0);

    const events = await eventsSince(rig, seq);
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['binary.progressed', 'connector.started', 'connector.ready', 'connector.draining', 'binary.upgraded']));
    expect(events.at(-1)).toMatchObject({ type: 'binary.upgraded', data: { version: NEW, previousVersion: OLD } });
    expect(sha256(readFileSync(join(binDir, 'cloudflared')))).toBe(sha256(program));
    expect(readdirSync(binDir)).toEqual(['cloudflared']);
    expect(await served(rig)).toEqual({ path: join(binDir, 'cloudflared'), version: NEW });
    await rig.waitFor(({ type, data }) => type === 'connector.stopped' && 'pid' in data && data.pid === before?.pid, 0);
    expect(rig.connectors()).toHaveLength(1);
    // The revision is the same: only the program is another.
    expect((await rig.client.status()).connectors).toMatchObject([{ state: 'ready', revision: 2 }]);
    expect(await rig.client.upgrade()).toMatchObject({ outcome: 'unchanged', connector: 'none' });
    // An older one, asked for, is an upgrade too.
    expect(await rig.client.upgrade({ version: OLD })).toMatchObject({ outcome: 'upgraded', from: { version: NEW }, to: { version: OLD } });

    // And the new one is kept: it comes back when it falls.
    const [kept] = rig.connectors().filter(({ pid }) => pid !== before?.pid).slice(-1);
    signalPid(kept?.pid, 'SIGKILL');
    await rig.visitors.until(HOSTNAME, (answered) => answered.kind === 'answered' && answered.status === 200, 10_000);
  });

  test('a new version that does not serve is taken back, and nothing is lost', async () => {
    const { rig, publish, binDir } = await createServingScene();
    const [before] = rig.connectors();
    const old = readFileSync(join(binDir, 'cloudflared'), 'utf8');
    publish(NEW, { run: { crash: { afterMs: 0, exitCode: 1 } } });
    const load = startLoad(rig);
    await untilSent(load, 100);
    const { seq } = (await rig.client.events().next()).value ?? { seq: 0 };
    await expect(rig.client.upgrade()).rejects.toMatchObject({ code: 'UPGRADE_REVERTED', message: expect.stringContaining(NEW) as string, problems: [{ code: 'CONNECTOR_CRASHED' }] });
    await untilSent(load, 500);
    const report = await load.stop();
    expect([...report.reasons]).toEqual([]);
    expect((await eventsSince(rig, seq)).at(-1)).toMatchObject({ type: 'binary.reverted', data: { version: NEW, error: { code: 'UPGRADE_REVERTED' } } });
    expect(readFileSync(join(binDir, 'cloudflared'), 'utf8')).toBe(old);
    expect(readdirSync(binDir)).toEqual(['cloudflared']);
    expect(rig.connectors().map(({ pid }) => pid)).toEqual([before?.pid]);
    expect(await served(rig)).toMatchObject({ version: OLD });
    // It is tried anew when it is asked for again.
    publish(NEW);
    expect(await rig.client.upgrade()).toMatchObject({ outcome: 'upgraded', from: { version: OLD }, to: { version: NEW } });
  });

  test('a daemon that is killed in the middle of an upgrade serves on with the old version', async () => {
    const { rig, publish, start, daemon, binDir } = await createServingScene();
    const old = readFileSync(join(binDir, 'cloudflared'), 'utf8');
    publish(NEW, { run: { neverReady: true } });
    const load = startLoad(rig);
    await untilSent(load, 100);
    const started = rig.waitFor(({ type }) => type === 'connector.started');
    const upgrade = rig.client.upgrade().catch((error: unknown) => error);
    await started;
    daemon.kill('SIGKILL');
    expect(await upgrade).toMatchObject({ code: 'DAEMON_UNREACHABLE' });
    await daemon.ended;
    expect(readFileSync(join(binDir, 'cloudflared'), 'utf8')).toBe(old);
    await start();
    await rig.waitFor(({ type }) => type === 'connector.ready');
    await untilSent(load, load.sent + 300);
    const report = await load.stop();
    expect([...report.reasons]).toEqual([]);
    expect(await served(rig)).toMatchObject({ version: OLD });
    publish(NEW);
    expect(await rig.client.upgrade()).toMatchObject({ outcome: 'upgraded' });
    // What the killed one had downloaded is gone.
    expect(readdirSync(binDir)).toEqual(['cloudflared']);
  });

  test('a file that somebody put in place is taken up', async () => {
    const { rig, publish, binDir } = await createServingScene();
    const program = publish(NEW);
    const [before] = rig.connectors();
    writeFileSync(join(binDir, 'another'), program, { mode: 0o700 });
    await promisify(execFile)('mv', ['-f', join(binDir, 'another'), join(binDir, 'cloudflared')]);
    expect(await rig.client.upgrade()).toMatchObject({ outcome: 'upgraded', from: { version: OLD }, to: { version: NEW }, connector: 'replaced' });
    await rig.waitFor(({ type, data }) => type === 'connector.stopped' && 'pid' in data && data.pid === before?.pid, 0);
    expect(await rig.client.upgrade()).toMatchObject({ outcome: 'unchanged' });
  });

  test('one that was named is not replaced, but taken up when it changed', async () => {
    const { rig, server, publish, start } = await createScene();
    const named = join(rig.directory, 'named');
    const directory = tempDirectory();
    writeFileSync(named, cloudflaredOfVersion(directory, OLD), { mode: 0o755 });
    await start({ CLOUDFLARED_SUPERVISOR_CLOUDFLARED: named });
    await rig.setUp();
    publish(NEW);
    await expect(rig.client.upgrade({ version: NEW })).rejects.toMatchObject({ code: 'BINARY_NOT_OURS' });
    expect(await rig.client.upgrade()).toMatchObject({ outcome: 'unchanged', to: { path: named, version: OLD } });
    writeFileSync(`${named}.new`, cloudflaredOfVersion(directory, NEW), { mode: 0o755 });
    await promisify(execFile)('mv', ['-f', `${named}.new`, named]);
    expect(await rig.client.upgrade({ version: NEW })).toMatchObject({ outcome: 'upgraded', from: { version: OLD }, to: { path: named, version: NEW }, connector: 'replaced' });
    expect(server.asked).toEqual([]);
  });

  test('two to different versions are not mixed', async () => {
    const { rig, server, start } = await createScene();
    await start();
    let release = (): void => undefined;
    server.replies.set(`/mirror/${OLD}/SHA256SUMS`, (_request, response) => {
      release = () => void response.end(`${'0'.repeat(64)}  ${ASSET}\n`);
    });
    const first = rig.client.upgrade().catch((error: unknown) => error);
    while (server.asked.length < 2) await new Promise((resolve) => setImmediate(resolve));
    await expect(rig.client.upgrade({ version: '2026.7.0' })).rejects.toMatchObject({ code: 'UPGRADE_IN_PROGRESS' });
    release();
    expect(await first).toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    await expect(rig.client.upgrade({ version: 'newest' })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
    await expect(rig.client.upgrade({ version: '2026.7.0', mirror: 'file:///etc' })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await expect(rig.client.upgrade({ version: '2026.7.0' })).rejects.toMatchObject({ code: 'RELEASE_UNKNOWN' });
  });
});

describe('the command line', () => {
  const CLI = join(import.meta.dirname, '../../../dist/cli/main.js');

  async function run(rig: Rig, ...argv: readonly string[]): Promise<unknown> {
    const env = { PATH: process.env['PATH'], ...rig.sandbox.environment(), CLOUDFLARED_SUPERVISOR_CLOUDFLARED: '', CLOUDFLARED_SUPERVISOR_BASE_DIR: rig.baseDir, CLOUDFLARED_SUPERVISOR_STATE_DIR: join(rig.directory, 'state') };
    const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...argv, '--json'], { env }).catch((error: { stdout: string }) => error);
    return JSON.parse(stdout) as unknown;
  }

  test('upgrades by the daemon, and without one', async () => {
    const { rig, server, publish, start, binDir } = await createScene();
    const mirror = ['--mirror', server.url.href];
    const target = { path: join(binDir, 'cloudflared'), version: OLD };
    expect(await run(rig, 'upgrade', '--dry-run', '--version', OLD, ...mirror)).toMatchObject({ outcome: 'planned', to: target });
    expect(await run(rig, 'install', ...mirror, '--to', 'user')).toMatchObject({ outcome: 'installed', ...target });
    expect(await run(rig, 'upgrade', ...mirror)).toMatchObject({ outcome: 'unchanged', from: target });
    publish(NEW);
    expect(await run(rig, 'upgrade', ...mirror)).toMatchObject({ outcome: 'upgraded', from: target, to: { ...target, version: NEW }, connector: 'none' });

    const daemon = await start();
    await rig.setUp();
    publish('2026.10.0');
    expect(await run(rig, 'upgrade')).toMatchObject({ outcome: 'upgraded', from: { version: NEW }, to: { version: '2026.10.0' }, connector: 'replaced' });
    expect(await run(rig, 'upgrade', '--version', '2026.11.0')).toMatchObject({ code: 'RELEASE_UNKNOWN' });
    expect(daemon.log()).toContain('binary.upgraded');
  });
});
