import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readProcess } from '../../../src/host/process-table.js';
import { Load } from '../../../src/measure/load.js';
import { wholeBody } from '../../../src/measure/origin.js';
import { untilSent } from '../../fixtures/until-sent.js';
import { CLOUDFLARED_KIND, createRig, rulesOf, type Rig } from '../daemon/rig.js';
import { runCommand, runImport } from './command-line.js';
import { makeOldTunnel, startOldConnector, type OldTunnel } from './old-connector.js';

const HOSTNAME = 'app.example.com';

const runByConfig = ({ configFile, certificateFile }: OldTunnel) => (metrics: string) => ['--config', configFile, 'tunnel', '--origincert', certificateFile, '--metrics', metrics, 'run'];
const isFrom = (name: string) => (answer: Awaited<ReturnType<Rig['visitors']['get']>>): boolean => answer.kind === 'answered' && answer.status === 200 && answer.body === wholeBody(name);

const attentionOf = async (rig: Rig): Promise<readonly string[]> => (await rig.client.status()).attention.map(({ code }) => code);

/** A tunnel run by hand that leads one name to the service `one`, and a daemon that nothing was ever asked of. */
async function makeScene() {
  const rig = await createRig();
  const one = await rig.origin('one');
  const old = await makeOldTunnel(rig.sandbox, {
    directory: join(rig.directory, 'old'),
    config: { originRequest: { connectTimeout: '10s' }, ingress: [{ hostname: HOSTNAME, service: one.url }, { service: 'http_status:404' }] },
    names: [HOSTNAME],
  });
  const daemon = await rig.start();
  return { rig, daemon, one, old, words: ['--tunnel', old.tunnel.id] };
}

describe(`with the ${CLOUDFLARED_KIND} cloudflared`, () => {
  test('what runs is said, and nothing is changed', async () => {
    const { rig, old, words } = await makeScene();
    const connector = await startOldConnector(rig.sandbox, runByConfig(old));
    const { exitCode, report, text } = await runImport(rig, []);
    expect(exitCode).toBe(0);
    const tunnel = report.tunnels.find(({ id }) => id === old.tunnel.id);
    expect(tunnel).toMatchObject({
      verdict: 'ready', config: old.configFile, credentials: old.credentialsFile, certificate: { from: old.certificateFile }, names: [HOSTNAME],
      rules: [{ number: 1, rule: { hostname: HOSTNAME, originRequest: { connectTimeout: '10s' } } }], refused: [], obstacles: [],
      processes: [{ pid: connector.pid, service: null, inContainer: false }],
    });
    expect(tunnel?.processes[0]?.connectorId).toMatch(/^[0-9a-f-]{36}$/);
    expect(text).not.toContain(old.tunnel.secret.toString('base64'));
    const { stdout } = await runCommand(rig, ['import', '--apply', '--retire-old', '--dry-run', ...words]);
    expect(stdout).toContain('can be taken over');
    expect(stdout).toContain(`end process ${connector.pid}`);
    expect((await rig.client.status()).tunnel).toBeNull();
    expect(readProcess(connector.pid)).toBeDefined();
  });

  test('it is taken over under load, and the old one retired, without a loss', async () => {
    const { rig, old, words } = await makeScene();
    const connector = await startOldConnector(rig.sandbox, runByConfig(old));
    await rig.visitors.until(HOSTNAME, isFrom('one'), 5_000);

    const load = new Load(rig.visitors, { hostname: HOSTNAME, perSecond: 200, origins: ['one'] });
    await untilSent(load, 100);
    const { exitCode, imported, error } = await runImport(rig, ['--apply', ...words]);
    expect(error).toBeUndefined();
    expect({ exitCode, imported }).toMatchObject({ exitCode: 0, imported: { outcome: 'imported', dns: 'managed', tunnel: { id: old.tunnel.id, name: 'homelab', domain: 'example.com' }, rules: [{ hostname: HOSTNAME, dns: 'adopted' }], warnings: [] } });
    expect(rig.connectors()).toHaveLength(1);
    // Both serve.
    const sentBefore = load.sent;
    await untilSent(load, sentBefore + 200);
    const { retired } = await runImport(rig, ['--retire-old', ...words]);
    await untilSent(load, load.sent + 200);
    const result = await load.stop();

    expect([...result.reasons]).toEqual([]);
    expect(result.lost).toBe(0);
    expect(retired).toMatchObject({ ended: [connector.pid], restarted: [], warnings: [] });
    expect(retired?.undo[0]).toContain(`--config ${old.configFile} tunnel`);
    expect(await connector.exited).toBe(0);
    expect(rulesOf(await rig.client.status())).toHaveLength(1);
    expect((await stat(old.configFile)).isFile()).toBe(true);
    expect((await stat(join(rig.baseDir, `${old.tunnel.id}.json`))).mode & 0o777).toBe(0o600);
  });

  test('asked again it changes nothing, and what was changed here since stays', async () => {
    const { rig, old, words } = await makeScene();
    await startOldConnector(rig.sandbox, runByConfig(old));
    const two = await rig.origin('two');
    const first = await runImport(rig, ['--apply', ...words]);
    expect(first.imported?.outcome).toBe('imported');
    await rig.client.addRule({ hostname: HOSTNAME, destination: two.url });
    const again = await runImport(rig, ['--apply', '--retire-old', ...words]);
    expect(again.report.tunnels.find(({ id }) => id === old.tunnel.id)?.verdict).toBe('ours');
    expect(again.imported).toMatchObject({ outcome: 'unchanged', rules: [{ hostname: HOSTNAME, destination: two.url }] });
    await rig.visitors.until(HOSTNAME, isFrom('two'), 5_000);
    // A rule that goes takes the record with it: the tunnel is this machine's alone.
    await rig.client.removeRule({ hostname: HOSTNAME });
    expect(rig.recordNames()).toEqual([]);
  });

  test('without a certificate the rules are served, and DNS is left alone and said to be', async () => {
    const { rig, old, words } = await makeScene();
    await startOldConnector(rig.sandbox, runByConfig(old));
    const { imported } = await runImport(rig, ['--apply', '--without-certificate', ...words]);
    expect(imported).toMatchObject({ outcome: 'imported', dns: 'unmanaged', tunnel: { domain: 'example.com' }, rules: [{ hostname: HOSTNAME, dns: 'unmanaged' }], warnings: [{ code: 'DNS_UNMANAGED' }] });
    expect(await attentionOf(rig)).toContain('DNS_UNMANAGED');
    const two = await rig.origin('two');
    expect(await rig.client.addRule({ hostname: 'two.example.com', destination: two.url })).toMatchObject({ outcome: 'applied', warnings: [{ code: 'DNS_UNMANAGED' }] });
    await rig.client.removeRule({ hostname: HOSTNAME });
    expect(rig.recordNames()).toEqual([HOSTNAME]);
    await expect(stat(join(rig.baseDir, 'cert.pem'))).rejects.toMatchObject({ code: 'ENOENT' });

    // A login later on stays on the tunnel, by its id, and takes the records in.
    await runImport(rig, ['--retire-old', ...words]);
    await rig.client.addRule({ hostname: HOSTNAME, destination: two.url });
    await rig.setUp();
    expect(await rig.client.status()).toMatchObject({ tunnel: { id: old.tunnel.id, name: 'homelab' } });
    expect(await attentionOf(rig)).not.toContain('DNS_UNMANAGED');
    expect(rig.recordNames()).toEqual([HOSTNAME, 'two.example.com']);
  });

  test('a token is as good as credentials, and is never shown', async () => {
    const { rig, old, words } = await makeScene();
    const withRules = await startOldConnector(rig.sandbox, (metrics) => ['tunnel', '--config', old.configFile, '--metrics', metrics, 'run', '--token', old.token]);
    const ready = await runImport(rig, words);
    const found = ready.report.tunnels.find(({ id }) => id === old.tunnel.id);
    expect(found).toMatchObject({ verdict: 'ready', credentials: 'the token that it was started with' });
    expect(found?.processes[0]?.commandLine).toContain('--token [redacted]');
    expect(ready.text).not.toContain(old.token);
    const { imported } = await runImport(rig, ['--apply', '--domain', 'example.com', '--without-certificate', ...words]);
    expect(imported?.outcome).toBe('imported');
    expect(JSON.parse(await readFile(join(rig.baseDir, `${old.tunnel.id}.json`), 'utf8'))).toMatchObject({ TunnelSecret: old.tunnel.secret.toString('base64') });
    process.kill(withRules.pid, 'SIGKILL');
    await withRules.exited;

    // One that says that it was sent no rules has none; and one tunnel is enough here.
    const other = await makeOldTunnel(rig.sandbox, { directory: join(rig.directory, 'other'), name: 'other', config: {}, names: [] });
    await startOldConnector(rig.sandbox, (metrics) => ['tunnel', '--metrics', metrics, 'run', '--token', other.token]);
    const refused = await runImport(rig, ['--apply', '--domain', 'example.com', '--tunnel', other.tunnel.id]);
    expect(refused.report.tunnels.find(({ id }) => id === other.tunnel.id)).toMatchObject({ verdict: 'ready', rules: [], config: null });
    expect(refused).toMatchObject({ exitCode: 5, error: { code: 'TUNNEL_CONNECTED' } });
    expect((await rig.client.status()).tunnel?.id).toBe(old.tunnel.id);
  });

  test('rules that cannot be ours stand in the way, until somebody says that they may go', async () => {
    const { rig, one, old } = await makeScene();
    const config = { tunnel: old.tunnel.id, 'credentials-file': old.credentialsFile, ingress: [{ hostname: HOSTNAME, service: one.url }, { hostname: 'api.example.com', path: '/v[12]/', service: one.url }, { service: one.url }] };
    await writeFile(old.configFile, JSON.stringify(config));
    await startOldConnector(rig.sandbox, runByConfig(old));
    const words = ['--apply', '--tunnel', old.tunnel.id];
    expect(await runImport(rig, words)).toMatchObject({ exitCode: 5, error: { code: 'IMPORT_INCOMPLETE', problems: [{ field: 'rule 2', code: 'PATH_INEXPRESSIBLE' }, { field: 'rule 3', code: 'CATCH_ALL_INEXPRESSIBLE' }] } });
    expect((await rig.client.status()).tunnel).toBeNull();
    const { imported } = await runImport(rig, [...words, '--skip', '2', '--host', 'www.example.com']);
    expect(imported?.rules.map(({ hostname, destination, dns }) => ({ hostname, destination, dns }))).toEqual([
      { hostname: HOSTNAME, destination: one.url, dns: 'adopted' },
      { hostname: 'www.example.com', destination: one.url, dns: 'created' },
    ]);
  });

  test('a name whose record leads elsewhere stands in the way', async () => {
    const { rig, old, words } = await makeScene();
    const zone = rig.sandbox.world.zones.find('example.com');
    const [record] = rig.sandbox.world.records.named(HOSTNAME);
    if (zone === undefined || record === undefined) throw new Error('the scene has no record');
    rig.sandbox.world.records.replace(zone, record.id, { type: 'CNAME', name: HOSTNAME, content: 'elsewhere.example.net', proxied: true });
    await startOldConnector(rig.sandbox, runByConfig(old));
    const { error } = await runImport(rig, ['--apply', ...words]);
    expect(error).toMatchObject({ code: 'DNS_CONFLICT', hint: expect.stringContaining('--skip') as string });
    expect(await rig.client.status()).toMatchObject({ tunnel: null, connectors: [] });
    expect((await runImport(rig, ['--apply', '--takeover', ...words])).imported).toMatchObject({ outcome: 'imported', rules: [{ dns: 'taken-over' }] });
  });

  test('without a daemon it is reported, and nothing is taken over or stopped', async () => {
    const { rig, daemon, old, words } = await makeScene();
    const connector = await startOldConnector(rig.sandbox, runByConfig(old));
    expect(await runImport(rig, ['--retire-old', ...words])).toMatchObject({ exitCode: 4, error: { code: 'SETUP_REQUIRED' } });
    daemon.kill('SIGTERM');
    await daemon.ended;
    const said = await runImport(rig, ['--apply', '--retire-old', ...words]);
    expect(said.report.tunnels.find(({ id }) => id === old.tunnel.id)).toMatchObject({ verdict: 'ready' });
    expect(said).toMatchObject({ exitCode: 3, error: { code: 'DAEMON_UNREACHABLE' } });
    expect(readProcess(connector.pid)).toBeDefined();
  });
});
