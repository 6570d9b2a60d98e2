import { statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readEnviron, readProcess } from '../../../src/host/process-table.js';
import { signalPid } from '../../fixtures/signal-pid.js';
import { PROGRAMS, Rig } from './rig.js';

describe.each(PROGRAMS)('a connector ($name)', (kind) => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await Rig.open(kind);
  });
  afterEach(async () => {
    await rig.close();
  });
  const never = new AbortController().signal;

  test('is started exactly as the contract says, with a clean environment, a session of its own, and a file for its output', async () => {
    process.env['TUNNEL_TOKEN'] = 'must-not-be-seen';
    process.env['TZ'] = 'Europe/Berlin';
    try {
      const { pid } = await rig.supervisor().start(1);
      const entry = readProcess(pid);
      const argv = entry?.argv ?? [];
      const own = argv.slice(argv.indexOf('tunnel'));
      const port = /^127\.0\.0\.1:(\d+)$/.exec(own[own.indexOf('--metrics') + 1] ?? '')?.[1];
      expect(own).toEqual([
        'tunnel', '--config', rig.paths.revisionYml(1), '--origincert', rig.paths.certPem, '--no-autoupdate',
        '--metrics', `127.0.0.1:${port}`, '--output', 'json', '--loglevel', 'info',
        ...rig.options.edge.flatMap((address) => ['--edge', address]),
        '--protocol', 'http2', '--cacert', rig.options.edgeCa, '--grace-period', '5s', '--no-prechecks',
        'run', '--credentials-file', rig.paths.credentials(rig.tunnelId), rig.tunnelId,
      ]);
      expect(argv.join(' ')).not.toContain('must-not-be-seen');
      const environment = Object.keys(readEnviron(pid));
      const allowed = new Set(['PATH', 'HOME', 'LANG', 'TZ', ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'SSL_CERT_FILE', 'SSL_CERT_DIR'].flatMap((name) => [name, name.toLowerCase()])]);
      // A shell adds these two of its own account; the stand-in is started by one.
      expect(environment.filter((name) => !allowed.has(name) && !['PWD', '_', 'SHLVL', 'OLDPWD'].includes(name))).toEqual([]);
      expect(environment).toContain('TZ');
      expect(entry?.processGroup).toBe(pid);
      expect(statSync(`/proc/${pid}/fd/2`).ino).toBe(statSync(rig.paths.connectorLog(1)).ino);
      expect(statSync(`/proc/${pid}/fd/1`).ino).toBe(statSync(rig.paths.connectorLog(1)).ino);
      expect(statSync(rig.paths.connectorLog(1)).mode & 0o777).toBe(0o600);
    } finally {
      delete process.env['TUNNEL_TOKEN'];
    }
  });

  test('is verified by its own word, promoted, replaced beside it, and the old one retired in milliseconds', async () => {
    const supervisor = rig.supervisor();
    const first = await supervisor.start(1);
    await supervisor.verify(first, [{ service: 'http_status:404' }], never);
    supervisor.promote(1);
    const rules = await rig.writeRevision(2, [{ hostname: 'app.example.com', path: '^/api(/|$)', service: 'http://127.0.0.1:9', originRequest: { noTLSVerify: true, connectTimeout: '10s' } }, { hostname: 's.example.com', service: 'ssh://10.0.0.1' }, { service: 'http_status:404' }]);
    const second = await supervisor.start(2);
    await supervisor.verify(second, rules, never);
    supervisor.promote(2);
    expect(supervisor.current().map((handle) => handle.revision)).toEqual([1, 2]);
    const before = performance.now();
    await supervisor.retire(first);
    expect(performance.now() - before).toBeLessThan(1_000);
    expect(rig.edge.connections().filter((connection) => connection.state === 'serving').length).toBeGreaterThan(0);
    expect(supervisor.current().map((handle) => handle.revision)).toEqual([2]);
    expect(await rig.seen('connector.stopped')).toMatchObject({ revision: 1 });
    await supervisor.stopAll();
    expect(rig.processes()).toEqual([]);
    expect(supervisor.status()).toEqual([]);
  });

  test('that shows other rules is refused', async () => {
    const supervisor = rig.supervisor();
    const handle = await supervisor.start(1);
    await expect(supervisor.verify(handle, [{ hostname: 'app.example.com', service: 'http://127.0.0.1:9' }, { service: 'http_status:404' }], never)).rejects.toMatchObject({ code: 'CONNECTOR_MISMATCH' });
    await supervisor.retire(handle);
    expect(supervisor.current()).toEqual([]);
  });

  test('that is killed is back at once; its death and its return are told', async () => {
    const supervisor = rig.supervisor();
    supervisor.promote(1);
    const { pid } = await rig.seen('connector.ready');
    signalPid(pid, 'SIGKILL');
    const stopped = await rig.seen('connector.stopped');
    expect(stopped).toMatchObject({ pid, signal: 'SIGKILL', exitCode: null });
    const back = await rig.seen('connector.ready', (status) => status.pid !== pid);
    expect(back.revision).toBe(1);
    expect(await rig.seen('connector.failed')).toMatchObject({ error: { code: 'CONNECTOR_CRASHED' } });
    expect(supervisor.status().map((status) => status.state)).toEqual(['ready']);
  });

  test('reports its connections, and its log without secrets', async () => {
    const supervisor = rig.supervisor({ readyProbeMs: 200 });
    supervisor.promote(1);
    await rig.seen('connector.ready');
    await rig.edge.waitUntil((connections) => connections.length === 4, AbortSignal.timeout(20_000));
    await expect.poll(() => supervisor.status()[0]?.connections, { timeout: 10_000 }).toBe(4);
    expect(rig.logLines.some((line) => line.level === 'info' && line.message !== '' && line.time !== null)).toBe(true);
    expect(await supervisor.connectorIds()).toEqual([rig.edge.connections()[0]?.connector.connectorId]);
  });

  test('that never was ready is killed when it is given up', async () => {
    await rig.edge.setDialMode('refuse');
    const supervisor = rig.supervisor();
    const handle = await supervisor.start(1);
    const before = performance.now();
    await supervisor.retire(handle);
    expect(performance.now() - before).toBeLessThan(1_500);
    expect(await rig.seen('connector.stopped')).toMatchObject({ signal: 'SIGKILL' });
  });

  test('on a refused configuration is told from the file, and a change gets the reason', async () => {
    await rig.writeRevision(2, [{ service: 'http://127.0.0.1:1/with/path' }]);
    const supervisor = rig.supervisor();
    const handle = await supervisor.start(2);
    await expect(supervisor.verify(handle, [], never)).rejects.toMatchObject({ code: 'CONFIG_REFUSED' });
    expect(supervisor.current()).toEqual([]);
  });

  test('is not started without its credentials', async () => {
    await rig.writeCredentials('00000000-0000-4000-8000-000000000000');
    await expect(rig.supervisor().start(1)).rejects.toMatchObject({ code: 'CREDENTIALS_MISSING' });
    expect(rig.processes()).toEqual([]);
  });

  test('that has lost the edge comes back by itself', async () => {
    await rig.setFaults({ run: { retryScale: 0.02 } });
    const supervisor = rig.supervisor();
    supervisor.promote(1);
    const { pid } = await rig.seen('connector.ready');
    // All of them, or one that is on its way would arrive after the loss.
    await rig.edge.waitUntil((connections) => connections.length === 4, AbortSignal.timeout(20_000));
    await rig.edge.setDialMode('refuse');
    rig.edge.drop(() => true);
    await rig.seen('connector.lost');
    const since = rig.events.length;
    await rig.edge.setDialMode('serve');
    expect((await rig.seen('connector.ready', () => true, since)).pid).toBe(pid);
    expect(rig.count('connector.started')).toBe(1);
  });
});
