import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { AnswerOf } from '../../../src/api/answers.js';
import type { Check } from '../../../src/doctor/check.js';
import { checkApi, judgeClock } from '../../../src/doctor/checks/api.js';
import { checkBaseDirectory } from '../../../src/doctor/checks/base-directory.js';
import { checkBinary } from '../../../src/doctor/checks/binary.js';
import { checkCaBundle } from '../../../src/doctor/checks/ca-bundle.js';
import { checkAttention, checkConnector, checkLock, checkSocket } from '../../../src/doctor/checks/daemon.js';
import { checkDisk, judgeDisk } from '../../../src/doctor/checks/disk.js';
import { checkEdge } from '../../../src/doctor/checks/edge.js';
import { checkForeign } from '../../../src/doctor/checks/foreign.js';
import { checkInitSystem } from '../../../src/doctor/checks/init-system.js';
import { checkMemory, judgeMemory } from '../../../src/doctor/checks/memory.js';
import { checkNode } from '../../../src/doctor/checks/node.js';
import { checkOwnership } from '../../../src/doctor/checks/ownership.js';
import { checkPlatform } from '../../../src/doctor/checks/platform.js';
import { checkNames } from '../../../src/doctor/checks/resolver.js';
import { basePaths } from '../../../src/host/base-paths.js';
import type { Identity } from '../../../src/host/identity.js';
import type { Places } from '../../../src/host/places.js';
import { programSaying } from '../../fixtures/releases/release-server.js';
import type { InstalledUnit } from '../../../src/service/units.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const uid = process.geteuid?.() ?? 0;
const isRoot = uid === 0;

type UnitState = Awaited<ReturnType<InstalledUnit['driver']['readState']>>;

/** All is well, and there is nothing to say. */
const PASS = { ok: true, code: null, hint: null };
const noted = (code: string) => ({ ok: true, code, hint: expect.stringMatching(/.+/) as string });
const failed = (code: string) => ({ ok: false, code, hint: expect.stringMatching(/.+/) as string });

function createScene(): { readonly identity: Identity; readonly places: Places } {
  const directory = tempDirectory();
  const baseDir = join(directory, '.cloudflared', 'supervisor');
  const places = { baseDir, stateDir: join(directory, '.config', 'portacode'), socket: join(baseDir, 'control.sock'), paths: basePaths(baseDir) };
  return { identity: { uid, gid: process.getegid?.() ?? 0, name: 'tester', home: directory, chosenBy: 'process' }, places };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    if ('closeAllConnections' in server) (server as ReturnType<typeof createServer>).closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('this machine', () => {
  test('node', () => {
    expect(checkNode()).toMatchObject(PASS);
    expect(checkNode('20.19.0')).toMatchObject(PASS);
    expect(checkNode('20.18.3')).toMatchObject(failed('NODE_TOO_OLD'));
    expect(checkNode('18.20.0', '/usr/bin/node')).toMatchObject({ message: expect.stringContaining('/usr/bin/node') as string });
  });

  test('platform', () => {
    expect(checkPlatform('linux', 'arm64')).toMatchObject(PASS);
    expect(checkPlatform('darwin', 'arm64')).toMatchObject(noted('PLATFORM_UNTESTED'));
  });

  test('memory', () => {
    const megabytes = (count: number): number => count * 1024 * 1024;
    expect(judgeMemory({ freeBytes: megabytes(96), connectorBytes: [] })).toMatchObject(PASS);
    expect(judgeMemory({ freeBytes: megabytes(95), connectorBytes: [] })).toMatchObject(failed('MEMORY_SHORT'));
    // One runs already, and grew with its rules: another like it must fit.
    expect(judgeMemory({ freeBytes: megabytes(95), connectorBytes: [megabytes(60)] })).toMatchObject(PASS);
    expect(judgeMemory({ freeBytes: megabytes(95), connectorBytes: [megabytes(80)] })).toMatchObject(failed('MEMORY_SHORT'));
    expect(judgeMemory({ freeBytes: undefined, connectorBytes: [] })).toMatchObject(PASS);
    expect(checkMemory({ status: undefined }).message).toMatch(/MB|not known/);
  });

  test('disk', async () => {
    const { places } = createScene();
    expect((await checkDisk({ places })).message).toMatch(/MB/);
    const enough = { freeBytes: 200 * 1024 * 1024, freeInodes: 1_000, inodes: 10_000 };
    expect(judgeDisk('/base', enough)).toMatchObject(PASS);
    expect(judgeDisk('/base', { ...enough, freeInodes: 0, inodes: 0 })).toMatchObject(PASS);
    expect(judgeDisk('/base', { ...enough, freeBytes: 99 * 1024 * 1024 })).toMatchObject(failed('DISK_SHORT'));
    expect(judgeDisk('/base', { ...enough, freeInodes: 3 })).toMatchObject({ ...failed('DISK_SHORT'), message: expect.stringContaining('inodes') as string });
  });
});

describe('what is on it', () => {
  test('the base directory', async () => {
    const scene = createScene();
    const { baseDir } = scene.places;
    expect(await checkBaseDirectory(scene)).toMatchObject({ ...PASS, message: expect.stringContaining('first start') as string });
    mkdirSync(baseDir, { recursive: true, mode: 0o700 });
    expect(await checkBaseDirectory(scene)).toMatchObject(PASS);
    chmodSync(baseDir, 0o755);
    expect(await checkBaseDirectory(scene)).toMatchObject(noted('STORAGE_OPEN'));
    const somebody = { ...scene, identity: { ...scene.identity, uid: uid + 1, name: 'somebody' } };
    expect(await checkBaseDirectory(somebody)).toMatchObject({ ...failed('STORAGE_FORBIDDEN'), hint: expect.stringContaining('chown -R somebody') as string });
    const file = join(baseDir, 'file');
    writeFileSync(file, '');
    const inTheWay = (path: string) => ({ ...scene, places: { ...scene.places, baseDir: path } });
    expect(await checkBaseDirectory(inTheWay(file))).toMatchObject(failed('STORAGE_FORBIDDEN'));
    expect(await checkBaseDirectory(inTheWay(join(file, 'below')))).toMatchObject(failed('STORAGE_FAILED'));
  });

  test('owners of files', async () => {
    const scene = createScene();
    const { baseDir, stateDir } = scene.places;
    expect(await checkOwnership(scene)).toMatchObject(PASS);
    for (const directory of [baseDir, stateDir]) mkdirSync(directory, { recursive: true });
    for (let index = 0; index < 7; index += 1) writeFileSync(join(stateDir, `file-${index}`), '');
    expect(await checkOwnership(scene)).toMatchObject(PASS);
    const somebody = { ...scene, identity: { ...scene.identity, uid: uid + 1 } };
    expect(await checkOwnership(somebody)).toMatchObject({ ...failed('FILES_FOREIGN'), message: expect.stringContaining('and 4 more') as string, hint: expect.stringContaining(`chown -R tester ${baseDir} ${stateDir}`) as string });
  });

  test.skipIf(!isRoot)('one file of somebody else (needs root)', async () => {
    const scene = createScene();
    const file = join(scene.places.baseDir, 'log', 'left');
    mkdirSync(join(scene.places.baseDir, 'log'), { recursive: true });
    writeFileSync(file, '');
    chownSync(file, 65_534, 65_534);
    expect(await checkOwnership(scene)).toMatchObject({ ...failed('FILES_FOREIGN'), message: expect.stringContaining(`${file} do not belong`) as string });
  });

  test('cloudflared', async () => {
    const { places } = createScene();
    const search = { given: undefined, own: places.paths.binary, path: '/nowhere', env: { PATH: process.env['PATH'] ?? '' } };
    expect(await checkBinary({ search, status: undefined })).toMatchObject({ ...failed('BINARY_MISSING'), hint: expect.stringContaining('install') as string });
    mkdirSync(places.paths.binDir, { recursive: true });
    const put = (program: string): void => writeFileSync(places.paths.binary, program, { mode: 0o755 });
    put('#!/bin/sh\nexit 3\n');
    expect(await checkBinary({ search, status: undefined })).toMatchObject(failed('BINARY_UNUSABLE'));
    put(programSaying('2024.1.0'));
    expect(await checkBinary({ search, status: undefined })).toMatchObject({ ...failed('BINARY_TOO_OLD'), hint: expect.stringContaining('upgrade') as string });
    put(programSaying('2026.8.2'));
    expect(await checkBinary({ search, status: undefined })).toMatchObject({ ...PASS, message: `${places.paths.binary}, version 2026.8.2` });
    const running = (version: string) => statusWith({ cloudflared: { path: places.paths.binary, version } });
    expect(await checkBinary({ search, status: running('2026.8.2') })).toMatchObject(PASS);
    expect(await checkBinary({ search, status: running('2026.1.0') })).toMatchObject(noted('BINARY_NOT_TAKEN_UP'));
    // Found by the daemon alone, whose options are others than those of whoever asks.
    const elsewhere = { ...search, own: '/nowhere/cloudflared' };
    expect(await checkBinary({ search: elsewhere, status: running('2026.8.2') })).toMatchObject({ ...noted('BINARY_MISSING'), message: expect.stringContaining(`The daemon runs ${places.paths.binary}`) as string });
    put('#!/bin/sh\nexit 3\n');
    expect(await checkBinary({ search: elsewhere, status: running('2026.8.2') })).toMatchObject(failed('BINARY_MISSING'));
  });

  test('certificates', async () => {
    const directory = tempDirectory();
    const bundle = join(directory, 'bundle.pem');
    const bundles = [bundle];
    expect(await checkCaBundle({ env: {}, bundles, directories: [] })).toMatchObject({ ...noted('CA_BUNDLE_MISSING'), hint: expect.stringContaining('--prerequisites') as string });
    writeFileSync(bundle, '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n');
    expect(await checkCaBundle({ env: {}, bundles, directories: [] })).toMatchObject({ ...PASS, message: expect.stringContaining(bundle) as string });
    expect(await checkCaBundle({ env: { SSL_CERT_FILE: bundle } })).toMatchObject({ ...PASS, message: expect.stringContaining('environment') as string });
    expect(await checkCaBundle({ env: { SSL_CERT_FILE: join(directory, 'nowhere') } })).toMatchObject(failed('OPTION_INVALID'));
  });

  test('the service', async () => {
    const scene = { ...createScene(), status: undefined };
    expect(await checkInitSystem(scene, 'none')).toMatchObject(noted('SERVICE_MISSING'));
    const unit = (state: Partial<UnitState>): InstalledUnit => ({
      marker: { user: 'tester', baseDir: scene.places.baseDir, scope: 'system', hardening: 'full' },
      driver: { unitFile: '/etc/systemd/system/ours.service', readState: async () => ({ active: 'active', enabled: true, pid: 4_711, detail: 'active (running)', ...state }) } as InstalledUnit['driver'],
    });
    expect(await checkInitSystem(scene, 'systemd', () => unit({}))).toMatchObject({ ...PASS, message: expect.stringContaining('active (running)') as string });
    // Stopped on purpose, and served by a daemon that was started by hand.
    expect(await checkInitSystem({ ...scene, status: statusWith() }, 'systemd', () => unit({ active: 'inactive' }))).toMatchObject(PASS);
    expect(await checkInitSystem(scene, 'systemd', () => unit({ enabled: false }))).toMatchObject(noted('SERVICE_NOT_ENABLED'));
    expect(await checkInitSystem(scene, 'systemd', () => unit({ active: 'failed', detail: 'failed (start-limit-hit)' }))).toMatchObject({ ...failed('SERVICE_FAILED'), message: expect.stringContaining('start-limit-hit') as string });
    expect(await checkInitSystem({ ...scene, identity: { ...scene.identity, name: 'nobody-of-this-name' } }, 'systemd')).toMatchObject({ ...noted('SERVICE_MISSING'), hint: expect.stringContaining('service install') as string });
  });

  test("somebody else's cloudflared: a process, a service, a configuration", async () => {
    const scene = createScene();
    const root = tempDirectory();
    const withoutProcesses = (check: Check): string => check.message;
    mkdirSync(join(root, 'etc/cloudflared'), { recursive: true });
    mkdirSync(join(root, 'etc/systemd/system'), { recursive: true });
    mkdirSync(join(scene.places.baseDir, '..'), { recursive: true });
    expect(withoutProcesses(checkForeign(scene, root))).not.toContain(root);
    const files = [join(root, 'etc/cloudflared/config.yml'), join(root, 'etc/systemd/system/cloudflared.service'), join(scene.identity.home ?? '', '.cloudflared/config.yml')];
    for (const file of files) writeFileSync(file, '');

    const process = spawn('sleep', ['1000'], { argv0: 'cloudflared', stdio: 'ignore' });
    onTestFinished(() => void process.kill('SIGKILL'));
    await once(process, 'spawn');
    const found = checkForeign(scene, root);
    expect(found).toMatchObject({ ...noted('FOREIGN_CLOUDFLARED'), hint: expect.stringContaining('import') as string });
    for (const file of [...files, `process ${String(process.pid)} (cloudflared)`]) expect(found.message).toContain(file);
  });

  test('the connector of another supervisor is no cloudflared that could be taken over', async () => {
    const scene = createScene();
    const root = tempDirectory();
    const other = join(tempDirectory(), 'supervisor');
    const keep = async (config: string): Promise<number> => {
      const connector = spawn('sh', ['-c', 'sleep 1000; :', '--config', config], { argv0: 'cloudflared', stdio: 'ignore', detached: true });
      onTestFinished(() => void process.kill(-(connector.pid ?? 0), 'SIGKILL'));
      await once(connector, 'spawn');
      return connector.pid ?? 0;
    };
    await keep(scene.places.paths.revisionYml(3));
    const pid = await keep(basePaths(other).revisionYml(7));
    const found = checkForeign(scene, root, (entry) => entry.argv.some((word) => word.startsWith(other) || word.startsWith(scene.places.baseDir)));
    expect(found).toMatchObject(noted('FOREIGN_SUPERVISOR'));
    expect(found.message).toContain(`process ${String(pid)} of ${userInfo().username} in ${other}`);
    expect(found.message).not.toContain(scene.places.baseDir);
    expect(found.hint).not.toContain('import');
    // Beside one that can be.
    mkdirSync(join(root, 'etc/cloudflared'), { recursive: true });
    writeFileSync(join(root, 'etc/cloudflared/config.yml'), '');
    const both = checkForeign(scene, root, (entry) => entry.argv.some((word) => word.startsWith(other)));
    expect(both).toMatchObject({ ...noted('FOREIGN_CLOUDFLARED'), hint: expect.stringContaining('import') as string });
    expect(both.message).toMatch(new RegExp(`somebody else: ${root}[^.]*\\.yml\\. .*process ${String(pid)} of .* in ${other}`));
  });
});

describe('the network', () => {
  test('the resolver', async () => {
    const everywhere = { apiUrl: undefined, edge: [] };
    // Nobody listens there.
    const dead = ['127.0.0.1:1'];
    expect(await checkNames(everywhere, dead)).toMatchObject(failed('RESOLVER_DEAD'));
    expect(await checkNames({ apiUrl: 'http://api.example/client/v4', edge: ['127.0.0.1:1'] }, dead)).toMatchObject(failed('RESOLVER_DEAD'));
    expect(await checkNames({ apiUrl: 'http://127.0.0.1:1/client/v4', edge: ['127.0.0.1:1', '[::1]:2'] }, dead)).toMatchObject(noted('RESOLVER_DEAD'));
    const { createSocket } = await import('node:dgram');
    const server = createSocket('udp4');
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    // The question back, as an answer that there is no such name.
    server.on('message', (question, { port }) => {
      const answer = Buffer.from(question);
      answer.writeUInt16BE(0x8183, 2);
      server.send(answer, port, '127.0.0.1');
    });
    expect(await checkNames(everywhere, [`127.0.0.1:${server.address().port}`])).toMatchObject(PASS);
  });

  test('the edge', async () => {
    expect(await checkEdge({ edge: [await listen(createTcpServer()), '127.0.0.1:1'] })).toMatchObject(PASS);
    expect(await checkEdge({ edge: ['127.0.0.1:1'] })).toMatchObject({ ...failed('EDGE_UNREACHABLE'), hint: expect.stringContaining('7844') as string });
  });

  test('the API, and its clock', async () => {
    const serve = async (answer: RequestListener): Promise<string> => `http://${await listen(createServer(answer))}/client/v4`;
    const envelope = JSON.stringify({ success: false, errors: [{ code: 9106, message: 'Missing token' }], messages: [], result: null });
    const now = Date.UTC(2026, 7, 21);
    const apiUrl = await serve((_request, response) => response.writeHead(400, { date: new Date(now).toUTCString() }).end(envelope));
    expect(await checkApi({ apiUrl, environment: {} }, () => now + 5_000)).toMatchObject([{ name: 'api', ...PASS }, { name: 'clock', ...PASS }]);
    expect(await checkApi({ apiUrl, environment: {} }, () => now - 600_000)).toMatchObject([PASS, { ...failed('CLOCK_WRONG'), message: expect.stringContaining('600 s behind') as string }]);
    const loginPage = await serve((_request, response) => response.end('<html>'));
    expect(await checkApi({ apiUrl: loginPage, environment: {} })).toMatchObject([failed('CLOUDFLARE_UNEXPECTED'), PASS]);
    expect(await checkApi({ apiUrl: 'http://127.0.0.1:1/client/v4', environment: {} })).toMatchObject([failed('CLOUDFLARE_UNREACHABLE'), PASS]);
    expect(await checkApi({ apiUrl, environment: { HTTPS_PROXY: 'ftp://x' } })).toMatchObject([failed('OPTION_INVALID'), PASS]);
    expect(judgeClock(undefined, now)).toMatchObject(PASS);
    expect(judgeClock(new Date(now).toUTCString(), now + 121_000)).toMatchObject(failed('CLOCK_WRONG'));
  });
});

type Status = AnswerOf<'status'>;

function statusWith({ cloudflared = null, pid = 4_711, version = '1.0.0', ...more }: { cloudflared?: Status['daemon']['cloudflared']; pid?: number; version?: string } & Partial<Omit<Status, 'daemon'>> = {}): Status {
  return {
    daemon: { pid, version, startedAt: '', user: 'tester', baseDir: '/base', stateDir: '/state', socket: '/base/control.sock', cloudflared, revision: null },
    tunnel: null, connectors: [], rules: [], setup: { state: 'none', step: null, loginUrl: null, expiresAt: null, message: null }, attention: [],
    ...more,
  };
}

describe('the daemon', () => {
  const places: Places = { baseDir: '/base', stateDir: '/state', socket: '/base/control.sock', paths: basePaths('/base') };
  const holder = (pid: number) => ({ pid, startTime: '1', bootId: 'b', since: '2026-01-01T00:00:00Z', command: 'cloudflared-supervisor run' });
  const scope = { places, version: '1.0.0' };

  test('the socket', () => {
    expect(checkSocket({ ...scope, status: undefined, lockHolder: undefined })).toMatchObject({ ...noted('DAEMON_UNREACHABLE'), hint: expect.stringContaining('up') as string });
    expect(checkSocket({ ...scope, status: undefined, lockHolder: holder(4_711) })).toMatchObject({ ...failed('DAEMON_UNREACHABLE'), message: expect.stringContaining('4711') as string });
    expect(checkSocket({ ...scope, status: statusWith(), lockHolder: holder(4_711) })).toMatchObject(PASS);
    expect(checkSocket({ ...scope, status: statusWith({ version: '0.9.0' }), lockHolder: holder(4_711) })).toMatchObject({ ...noted('DAEMON_OTHER_VERSION'), hint: expect.stringContaining('up --restart') as string });
  });

  test('the lock', () => {
    expect(checkLock({ places, status: undefined, lockHolder: undefined })).toMatchObject(PASS);
    expect(checkLock({ places, status: statusWith(), lockHolder: undefined })).toMatchObject(PASS);
    expect(checkLock({ places, status: statusWith(), lockHolder: holder(4_711) })).toMatchObject(PASS);
    expect(checkLock({ places, status: statusWith(), lockHolder: holder(12) })).toMatchObject(failed('LOCK_HELD'));
  });

  test('the connector', () => {
    const tunnel = { id: 'id', name: 'name', domain: 'example.com', joined: false };
    const connector = { id: 1, pid: 12, state: 'ready', revision: 2, metricsUrl: null, startedAt: null, connections: 4 } as const;
    const trouble = { code: 'CREDENTIALS_REFUSED', message: 'The edge says no.', hint: 'Run setup.' };
    expect(checkConnector({ status: undefined })).toMatchObject(noted('DAEMON_UNREACHABLE'));
    expect(checkConnector({ status: statusWith() })).toMatchObject(noted('SETUP_REQUIRED'));
    expect(checkConnector({ status: statusWith({ tunnel, connectors: [connector] }) })).toMatchObject(PASS);
    expect(checkConnector({ status: statusWith({ tunnel, connectors: [{ ...connector, state: 'waiting' }] }) })).toMatchObject(failed('CONNECTOR_NOT_READY'));
    expect(checkConnector({ status: statusWith({ tunnel, attention: [{ code: 'RUNS_AS_ROOT', message: 'root', hint: '' }, trouble] }) })).toMatchObject({ ...failed('CREDENTIALS_REFUSED'), hint: 'Run setup.' });
  });

  test('a connector, or a daemon, that has only just started is not expected to serve yet', () => {
    const tunnel = { id: 'id', name: 'name', domain: 'example.com', joined: false };
    const startedAt = '2026-01-01T00:00:00.000Z';
    const after = (ms: number) => (): number => Date.parse(startedAt) + ms;
    const starting = { id: 1, pid: 12, state: 'starting', revision: 2, metricsUrl: null, startedAt, connections: 0 } as const;
    const status = statusWith({ tunnel, connectors: [starting] });
    expect(checkConnector({ status }, after(9_000))).toMatchObject({ ...noted('CONNECTOR_STARTING'), message: expect.stringContaining('pid 12') as string });
    expect(checkConnector({ status }, after(11_000))).toMatchObject(failed('CONNECTOR_NOT_READY'));
    // Recovering: it starts its connector after that.
    const young = statusWith({ tunnel });
    expect(checkConnector({ status: { ...young, daemon: { ...young.daemon, startedAt } } }, after(9_000))).toMatchObject(noted('CONNECTOR_STARTING'));
    expect(checkConnector({ status: { ...young, daemon: { ...young.daemon, startedAt } } }, after(11_000))).toMatchObject(failed('CONNECTOR_NOT_READY'));
    // Started again and again.
    expect(checkConnector({ status: { ...status, attention: [{ code: 'CONNECTOR_CRASHED', message: 'It ended.', hint: 'Look.' }] } }, after(1_000))).toMatchObject(failed('CONNECTOR_CRASHED'));
  });

  test('the connector of a machine that joined, which runs one for its rules alone', () => {
    const tunnel = { id: 'id', name: 'name', domain: 'example.com', joined: true };
    const rule = { hostname: 'app.example.com', path: null, destination: 'http://localhost:1', status: 'live', resolvedIp: null, dns: 'created' } as const;
    const leaving = { id: 1, pid: 12, state: 'draining', revision: 2, metricsUrl: null, startedAt: null, connections: 4 } as const;
    expect(checkConnector({ status: statusWith({ tunnel }) })).toMatchObject({ ...PASS, message: expect.stringContaining('joined') as string });
    expect(checkConnector({ status: statusWith({ tunnel, connectors: [leaving], rules: [{ ...rule, status: 'unresolved' }] }) })).toMatchObject(PASS);
    expect(checkConnector({ status: statusWith({ tunnel, rules: [rule] }) })).toMatchObject(failed('CONNECTOR_NOT_READY'));
  });

  test('what waits for a person', () => {
    expect(checkAttention({ status: undefined })).toMatchObject(PASS);
    expect(checkAttention({ status: statusWith({ attention: [{ code: 'SETUP_REQUIRED', message: '', hint: '' }] }) })).toMatchObject(PASS);
    const attention = [{ code: 'DNS_CONFLICT', message: 'a.example.com', hint: 'Look.' }, { code: 'DEVICE_UNRESOLVED', message: 'device 6', hint: '' }];
    expect(checkAttention({ status: statusWith({ attention }) })).toEqual({ name: 'attention', ok: false, code: 'DNS_CONFLICT', message: 'a.example.com And: device 6 (DEVICE_UNRESOLVED)', hint: 'Look.' });
  });
});
