import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Revision } from '../../../src/core/revision.js';
import { printExactJson } from '../../../src/portacode/state-files/exact-json.js';
import { readEditedRules, readForwardingFile, renderForwardingFile } from '../../../src/portacode/state-files/forwarding-file.js';
import { createStateFiles } from '../../../src/portacode/state-files/keeper.js';
import { forwardingFilePath, tunnelFilePath } from '../../../src/portacode/state-files/names.js';
import { readSystemInfo } from '../../../src/portacode/state-files/system-info.js';
import { refuseOtherTunnel, renderTunnelFile, type TunnelFacts } from '../../../src/portacode/state-files/tunnel-file.js';
import { openCopyHashes } from '../../../src/state/copy-hashes.js';
import { recordEvents } from '../../fixtures/recorded-events.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';
import { makeBase, STILL_CLOCK } from '../state/base.js';

const NOW = STILL_CLOCK.now();
const NOW_TEXT = '2026-01-02T03:04:05.006000+00:00';

const revision = (rules: Revision['rules'], setAside: Revision['setAside'] = []): Revision => ({
  revision: 3, createdAt: '2026-01-01T00:00:00.000Z', reason: 'user', tunnelId: TUNNEL.id, domain: 'example.com', rules, setAside, addresses: [], configHash: '',
});

const TUNNEL = { id: '11111111-2222-3333-4444-555555555555', name: 'portacode-proxmox-6', accountId: 'a', zoneId: 'z', domain: 'example.com', madeByUs: true, joined: false };

const FACTS: TunnelFacts = {
  tunnel: TUNNEL, isChanging: false, setup: 'change-1', credentialsFile: '/base/c.json', configPath: '/base/config.yml', certPath: '/base/cert.pem',
  cloudflaredVersion: 'cloudflared version 2026.8.2 (built x)', connectorState: 'ready', connectorMessage: 'The tunnel is connected.', login: undefined, serviceInstalled: false,
};

/** As today's Portacode writes it: no schema, nothing of ours. */
const TODAY_TUNNEL = {
  configured: true, connected: true, domain: 'example.com', tunnel_name: 'portacode-proxmox-6', tunnel_id: TUNNEL.id, tunnel_existed: false,
  credentials_file: `/etc/cloudflared/${TUNNEL.id}.json`, token_file: '/etc/cloudflared/token', config_path: '/etc/cloudflared/config.yml', cert_path: '/root/.cloudflared/cert.pem',
  cloudflared_version: 'cloudflared version 2026.3.0 (built y)', service_installed: true, updated_at: '2025-12-01T00:00:00.123456+00:00',
};

describe('the forwarding file', () => {
  test('says for an older Portacode what each rule is', () => {
    const file = renderForwardingFile(revision([
      { rule: { hostname: 'app.example.com', destination: 'https://[123]' }, status: 'live', resolvedIp: '10.10.0.111' },
      { rule: { hostname: 'www.example.com', destination: 'http://127.0.0.1:3000' }, status: 'live' },
      { rule: { hostname: 'db.example.com', path: '/x', destination: 'tcp://db:5432', originRequest: { connectTimeout: '5s' } }, status: 'live' },
    ], [{ hostname: 'app.old.org', destination: 'http://[7]:1' }]), undefined);
    expect(file).toEqual({
      rules: [
        { hostname: 'app.example.com', destination: 'https://[123]', parsed: { type: 'device', scheme: 'https', device_id: '123', port: 443, path: '' }, resolved_ip: '10.10.0.111' },
        { hostname: 'www.example.com', destination: 'http://127.0.0.1:3000', parsed: { type: 'url', service_url: 'http://127.0.0.1:3000', path: '' } },
        { hostname: 'db.example.com', destination: 'tcp://db:5432', parsed: { type: 'url', service_url: 'tcp://db:5432', path: '' }, path: '/x', originRequest: { connectTimeout: '5s' } },
      ],
      updated_at: '2026-01-01T00:00:00.000000+00:00',
      managed_by: 'cloudflared-supervisor',
      outside_zone_rules: [{ hostname: 'app.old.org', destination: 'http://[7]:1', parsed: { type: 'device', scheme: 'http', device_id: '7', port: 1, path: '' } }],
    });
  });

  test('keeps what it does not know, of the file and of each rule', () => {
    const standing = { rules: [{ hostname: 'App.example.com', destination: 'http://x:1', label: 'mine', parsed: { type: 'device' } }], updated_at: 'x', future: { deep: [1] } };
    const file = renderForwardingFile(revision([{ rule: { hostname: 'app.example.com', destination: 'http://x:2' }, status: 'live' }]), standing);
    expect(file).toMatchObject({ future: { deep: [1] }, rules: [{ hostname: 'app.example.com', destination: 'http://x:2', label: 'mine', parsed: { type: 'url', service_url: 'http://x:2' } }] });
  });

  test("Portacode's own rules that cannot be published stand beside", () => {
    const bad = { hostname: 'bad.example.com', destination: 'http://127.0.0.1:1/path' };
    const once = renderForwardingFile(revision([]), { rules: [bad], updated_at: 'x' });
    expect(once).toMatchObject({ rules: [], invalid_rules: [bad] });
    expect(renderForwardingFile(revision([]), once)).toEqual(once);
  });

  test('of a name that stands in it twice the first is the rule, with its own fields, and the other stands beside', () => {
    const [first, second] = [{ hostname: 'a.example.com', destination: 'http://x:1', label: 'mine' }, { hostname: 'A.example.com', destination: 'http://y:1', label: 'yours' }];
    const once = renderForwardingFile(revision([RULE]), { rules: [first, second, { ...first }], updated_at: 'x' });
    expect(once).toMatchObject({ rules: [{ destination: 'http://x:1', label: 'mine' }], invalid_rules: [second] });
    expect(once['invalid_rules']).toHaveLength(1);
    expect(renderForwardingFile(revision([RULE]), once)).toEqual(once);
  });

  test('is read with and without what is derived, and the destination is believed', () => {
    expect(readForwardingFile({
      rules: [
        { hostname: 'a.example.com', destination: 'http://[5]:80', parsed: { type: 'url', service_url: 'http://evil:1' }, resolved_ip: '10.10.0.5' },
        { host: 'b.example.com', service: 'http://x:1' },
        { hostname: 'a.example.com', destination: 'http://second:1' },
        { hostname: '', destination: 'http://x:1' }, 7,
      ],
    })).toEqual({
      rules: [{ hostname: 'a.example.com', destination: 'http://[5]:80' }, { hostname: 'b.example.com', destination: 'http://x:1' }],
      addresses: [{ deviceId: '5', address: '10.10.0.5' }],
      problems: ['hostname is required for each rule', 'Each rule must be an object with hostname and destination'],
    });
  });

  test('that somebody edited is taken whole or not at all', () => {
    expect(() => readEditedRules({ rules: [{ hostname: 'a b', destination: 'http://x:1' }] })).toThrow('it has a rule that cannot be used');
    expect(() => readEditedRules({})).toThrow('it has no list of rules');
    expect(readEditedRules({ rules: [], outside_zone_rules: [{ hostname: 'a.old.org', destination: 'http://x:1' }] })).toEqual([{ hostname: 'a.old.org', destination: 'http://x:1' }]);
  });

  test('loses no field, whatever it held', () => {
    fc.assert(fc.property(fc.dictionary(fc.string().map((key) => `x-${key}`), fc.jsonValue()), (unknown) => {
      expect(renderForwardingFile(revision([]), JSON.parse(JSON.stringify(unknown)) as object as never)).toMatchObject(JSON.parse(JSON.stringify(unknown)) as object);
    }));
  });
});

describe('the tunnel file', () => {
  test('has every field of today', () => {
    const file = renderTunnelFile(FACTS, undefined, NOW);
    expect(Object.keys(file ?? {})).toEqual(expect.arrayContaining(Object.keys(TODAY_TUNNEL)));
    expect(file).toMatchObject({ connected: true, configured: true, domain: 'example.com', tunnel_existed: false, token_file: null, service_installed: false, updated_at: NOW_TEXT });
  });

  test('says whether an init system keeps what serves, and not what Portacode had installed', () => {
    expect(renderTunnelFile({ ...FACTS, serviceInstalled: true }, undefined, NOW)).toMatchObject({ service_installed: true });
    expect(renderTunnelFile(FACTS, TODAY_TUNNEL, NOW)).toMatchObject({ service_installed: false });
  });

  test('keeps what it does not know, and its time while it says the same', () => {
    const once = renderTunnelFile(FACTS, { ...TODAY_TUNNEL, note: 'mine' }, NOW);
    expect(once).toMatchObject({ note: 'mine', config_path: '/base/config.yml', updated_at: NOW_TEXT });
    expect(renderTunnelFile(FACTS, once, NOW + 1)).toEqual(once);
    expect(renderTunnelFile({ ...FACTS, connectorState: 'lost' }, once, NOW + 1000)).toMatchObject({ updated_at: '2026-01-02T03:04:06.006000+00:00' });
  });

  test('knows whether the tunnel was there before its setup, however often it is written', () => {
    const first = renderTunnelFile(FACTS, undefined, NOW);
    expect(renderTunnelFile(FACTS, first, NOW)).toMatchObject({ tunnel_existed: false });
    const again = renderTunnelFile({ ...FACTS, setup: 'change-2' }, first, NOW);
    expect(again).toMatchObject({ tunnel_existed: true });
    expect(renderTunnelFile({ ...FACTS, setup: 'change-2' }, again, NOW)).toMatchObject({ tunnel_existed: true });
    expect(renderTunnelFile({ ...FACTS, tunnel: { ...TUNNEL, madeByUs: false } }, undefined, NOW)).toMatchObject({ tunnel_existed: true });
  });

  test("without a tunnel of ours Portacode's own stays, and a login that waits is shown in it", () => {
    const none = { ...FACTS, tunnel: undefined };
    const login = { url: 'https://dash.cloudflare.com/argotunnel?x', expiresAt: 'soon' };
    expect(renderTunnelFile(none, undefined, NOW)).toBeUndefined();
    expect(renderTunnelFile(none, TODAY_TUNNEL, NOW)).toEqual(TODAY_TUNNEL);
    const waiting = renderTunnelFile({ ...none, login }, TODAY_TUNNEL, NOW);
    expect(waiting).toEqual({ ...TODAY_TUNNEL, login_url: login.url, login_expires_at: 'soon', updated_at: NOW_TEXT });
    expect(renderTunnelFile(none, waiting, NOW)).toEqual({ ...TODAY_TUNNEL, updated_at: NOW_TEXT });
    expect(renderTunnelFile({ ...none, login }, undefined, NOW)).toMatchObject({ configured: false, connected: false, login_url: login.url });
    expect(renderTunnelFile(none, renderTunnelFile(FACTS, undefined, NOW), NOW)).toBeUndefined();
  });

  test('does not connect another tunnel by being edited', () => {
    expect(() => refuseOtherTunnel({ ...TODAY_TUNNEL, domain: 'other.org' }, TUNNEL)).toThrow('it names another domain');
    expect(() => refuseOtherTunnel({ ...TODAY_TUNNEL, note: 1 }, TUNNEL)).not.toThrow();
  });
});

async function openFiles(facts: TunnelFacts = FACTS) {
  const paths = makeBase();
  const stateDir = join(tempDirectory(), 'portacode');
  const events = recordEvents();
  const state = { facts };
  const hashes = await openCopyHashes(paths, events.emit);
  const files = createStateFiles({ stateDir, hashes, facts: () => Promise.resolve(state.facts), currentRevision: () => 3, emit: events.emit, clock: STILL_CLOCK });
  const [forwarding, tunnel] = files.copies;
  if (forwarding === undefined || tunnel === undefined) throw new Error('there are two files');
  const write = async (of: Revision): Promise<void> => hashes.write([...(await forwarding.render(of)), ...(await tunnel.render(of))], of.revision);
  return { stateDir, events: events.all, hashes, files, forwarding, tunnel, write, state, path: forwardingFilePath(stateDir), tunnelPath: tunnelFilePath(stateDir) };
}

const RULE = { rule: { hostname: 'a.example.com', destination: 'http://x:1' }, status: 'live' } as const;
const readJson = (path: string): Record<string, unknown> => JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;

describe('the state directory', () => {
  test('is made where it is not there, private, with private files that are indented by two', async () => {
    const { stateDir, path, tunnelPath, write } = await openFiles();
    await write(revision([RULE]));
    expect([statSync(stateDir), statSync(path), statSync(tunnelPath)].map(({ mode }) => mode & 0o777)).toEqual([0o700, 0o600, 0o600]);
    expect(readFileSync(path, 'utf8')).toMatch(/^\{\n {2}"rules": \[\n {4}\{\n {6}"hostname": "a\.example\.com",/);
  });

  test('that is there keeps its mode and what else is in it', async () => {
    const { stateDir, write } = await openFiles();
    mkdirSync(stateDir, { mode: 0o755 });
    chmodSync(stateDir, 0o755);
    writeFileSync(join(stateDir, 'proxmox_infra.json'), '{}');
    await write(revision([RULE]));
    expect(statSync(stateDir).mode & 0o777).toBe(0o755);
    expect(readdirSync(stateDir)).toContain('proxmox_infra.json');
  });

  test('a file that nobody can read is set aside, its own fields come from the last good copy, and it is said', async () => {
    const { stateDir, path, write, events } = await openFiles();
    await write(revision([RULE]));
    writeFileSync(path, JSON.stringify({ ...readJson(path), theirs: 1 }));
    await write(revision([RULE]));
    writeFileSync(path, '{"rules": [');
    await write(revision([RULE]));
    expect(readJson(path)).toMatchObject({ theirs: 1, rules: [{ hostname: 'a.example.com' }] });
    expect(readdirSync(stateDir).filter((name) => name.includes('.corrupt-'))).toEqual(['cloudflare_forwarding.json.corrupt-20260102T030405006Z']);
    expect(events).toEqual([{ type: 'document.restored', data: { file: path, setAsideAs: `${path}.corrupt-20260102T030405006Z`, problem: 'it is not JSON' } }]);
  });

  test.each([['[]', 'it holds no JSON object'], ['"x"', 'it holds no JSON object'], ['', 'it is not JSON'], [Buffer.from([0x7b, 0xff, 0x7d]), 'it is not UTF-8']])('%j is such a file', async (content, problem) => {
    const { path, write, events } = await openFiles();
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, content);
    await write(revision([RULE]));
    expect(events).toMatchObject([{ type: 'document.restored', data: { problem } }]);
  });

  test('rules that somebody wrote into it while we ran are not published, and not lost', async () => {
    const { stateDir, path, write, events } = await openFiles();
    await write(revision([RULE]));
    writeFileSync(path, JSON.stringify({ rules: [{ hostname: 'new.example.com', destination: 'http://y:1' }] }));
    await write(revision([RULE]));
    expect(readJson(path)).toMatchObject({ rules: [{ hostname: 'a.example.com' }] });
    const [aside] = readdirSync(stateDir).filter((name) => name.includes('.edited-'));
    expect(readJson(join(stateDir, aside ?? ''))).toEqual({ rules: [{ hostname: 'new.example.com', destination: 'http://y:1' }] });
    expect(events).toMatchObject([{ type: 'copy.edited', data: { file: path, outcome: 'set-aside' } }]);
  });

  test('numbers of others stay as they were written, and are no reason to call a file corrupt', async () => {
    const { path, tunnelPath, stateDir, write, files, events } = await openFiles();
    await write(revision([RULE]));
    const theirs = '"theirs": {\n    "ns": 1795520000123456789,\n    "ratio": 1.0,\n    "none": NaN\n  }';
    for (const file of [path, tunnelPath]) writeFileSync(file, readFileSync(file, 'utf8').replace(/\n\}\n$/, `,\n  ${theirs}\n}\n`));
    await files.refreshTunnel();
    await write({ ...revision([RULE]), createdAt: '2026-01-01T00:00:01.000Z' });
    for (const file of [path, tunnelPath]) expect(readFileSync(file, 'utf8')).toContain(theirs);
    expect(printExactJson((await readSystemInfo(stateDir)).cloudflare_tunnel)).toContain('"theirs":{"ns":1795520000123456789,"ratio":1.0,"none":NaN}');
    expect([events, (await files.readTunnel())['theirs']]).toEqual([[], { ns: 1_795_520_000_123_456_800, ratio: 1, none: Number.NaN }]);
  });

  test('another tunnel that somebody wrote into it while we ran is not connected, and not lost', async () => {
    const { stateDir, tunnelPath, write, files, events } = await openFiles();
    await write(revision([RULE]));
    writeFileSync(tunnelPath, JSON.stringify({ ...readJson(tunnelPath), tunnel_id: 'another' }));
    await files.refreshTunnel();
    expect(readJson(tunnelPath)).toMatchObject({ tunnel_id: TUNNEL.id });
    const [aside] = readdirSync(stateDir).filter((name) => name.includes('.edited-'));
    expect(readJson(join(stateDir, aside ?? ''))).toMatchObject({ tunnel_id: 'another' });
    expect(events).toMatchObject([{ type: 'copy.edited', data: { file: tunnelPath, outcome: 'set-aside' } }]);
    writeFileSync(tunnelPath, JSON.stringify({ ...readJson(tunnelPath), note: 'mine', domain: TUNNEL.domain }));
    await files.refreshTunnel();
    expect([readJson(tunnelPath)['note'], events.length]).toEqual(['mine', 1]);
  });

  test('what an older Portacode leaves out when it writes its rules comes back', async () => {
    const { path, write, forwarding } = await openFiles();
    const [bad, outside] = [{ hostname: 'bad.example.com', destination: 'http://x:1/path' }, { hostname: 'a.old.org', destination: 'http://x:1' }];
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, JSON.stringify({ rules: [{ hostname: 'a.example.com', destination: 'http://x:1', label: 'mine' }, bad], future: 1 }));
    await write(revision([RULE], [outside]));
    const before = readJson(path);
    expect(before).toMatchObject({ future: 1, invalid_rules: [bad], outside_zone_rules: [outside], rules: [{ label: 'mine' }] });
    // Its own function knows these two keys alone, and of a rule these two fields.
    const current = revision([RULE], [outside]);
    writeFileSync(path, JSON.stringify({ rules: [{ hostname: 'a.example.com', destination: 'http://x:1' }], updated_at: 'x' }));
    expect(await forwarding.readRules(readFileSync(path, 'utf8'), current)).toEqual([RULE.rule, outside]);
    await write(current);
    expect(readJson(path)).toEqual(before);
    // No rules at all means none, wherever they were; and what we wrote and somebody took out stays out.
    expect(await forwarding.readRules(JSON.stringify({ rules: [], updated_at: 'x' }), current)).toEqual([]);
    expect(await forwarding.readRules(JSON.stringify({ ...before, outside_zone_rules: undefined }), current)).toEqual([RULE.rule]);
    const { future: _future, ...rest } = before;
    writeFileSync(path, JSON.stringify(rest));
    await write(current);
    expect(readJson(path)).not.toHaveProperty('future');
  });

  test('what is edited and then published is not taken for lost', async () => {
    const { path, write, events } = await openFiles();
    await write(revision([RULE]));
    writeFileSync(path, JSON.stringify({ rules: [{ hostname: 'new.example.com', destination: 'http://y:1' }] }));
    await write(revision([{ rule: { hostname: 'new.example.com', destination: 'http://y:1' }, status: 'live' }]));
    expect(events).toEqual([]);
  });

  test('the tunnel file follows what is known, and goes with the tunnel; the rules stay', async () => {
    const { files, write, state, tunnelPath, path } = await openFiles();
    await write(revision([RULE]));
    state.facts = { ...FACTS, connectorState: 'lost' };
    await files.refreshTunnel();
    expect(readJson(tunnelPath)).toMatchObject({ connector_state: 'lost' });
    state.facts = { ...FACTS, isChanging: true, connectorState: 'starting' };
    await files.refreshTunnel();
    expect(readJson(tunnelPath)).toMatchObject({ connector_state: 'lost' });
    state.facts = { ...FACTS, tunnel: undefined };
    await files.refreshTunnel();
    expect([existsSync(tunnelPath), existsSync(path), await files.readTunnel()]).toEqual([false, true, {}]);
  });

  test('what Portacode wrote is left as it is while nothing of ours is connected', async () => {
    const { files, stateDir, tunnelPath, hashes, tunnel } = await openFiles({ ...FACTS, tunnel: undefined });
    mkdirSync(stateDir);
    const text = JSON.stringify(TODAY_TUNNEL, null, 2);
    writeFileSync(tunnelPath, text);
    await files.refreshTunnel();
    await tunnel.mend();
    expect(readFileSync(tunnelPath, 'utf8')).toBe(text);
    expect([await files.recordedTunnelName(), (await hashes.check(tunnelPath)).kind]).toEqual(['portacode-proxmox-6', 'unknown']);
  });
});

describe('what Portacode shows', () => {
  test('is the whole tunnel file, and of the rules name and destination', async () => {
    const { stateDir, write, tunnelPath } = await openFiles();
    await write(revision([RULE], [{ hostname: 'x.old.org', destination: 'http://x:1' }]));
    expect(await readSystemInfo(stateDir)).toEqual({
      cloudflare_tunnel: readJson(tunnelPath),
      cloudflare_forwarding: { rules: [{ hostname: 'a.example.com', destination: 'http://x:1' }], updated_at: '2026-01-01T00:00:00.000000+00:00' },
    });
  });

  test('is nothing where there are no files, or none that are JSON', async () => {
    const { stateDir, path } = await openFiles();
    const nothing = { cloudflare_tunnel: {}, cloudflare_forwarding: { rules: [], updated_at: null } };
    expect(await readSystemInfo(stateDir)).toEqual(nothing);
    mkdirSync(stateDir);
    writeFileSync(path, '{');
    expect(await readSystemInfo(stateDir)).toEqual(nothing);
    rmSync(path);
  });
});
