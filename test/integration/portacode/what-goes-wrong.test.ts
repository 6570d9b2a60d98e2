import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { wholeBody } from '../../../src/measure/origin.js';
import { containing, createPortacodeRig, eventually, isRoot, matching, type PortacodeRig } from './portacode-rig.js';

/** The table "What goes wrong today", as far as Portacode's own commands and files are in it; the rest is in what-goes-wrong-outside.test.ts. Each test is named after its row. */

const NO_CONTENT = 404;

const configure = (rig: PortacodeRig, rules: unknown, fields: Record<string, unknown> = {}) => rig.ask({ cmd: 'configure_cloudflare_forwarding', device_id: '6', rules, ...fields });

async function publish(rig: PortacodeRig, name = 'app'): Promise<{ readonly url: string; readonly isServed: () => Promise<boolean> }> {
  const origin = await rig.origin(name);
  const hostname = `${name}.example.com`;
  const answer = await configure(rig, [{ hostname, destination: origin.url }]);
  expect(answer).toMatchObject({ success: true });
  const isServed = async (): Promise<boolean> => {
    const visit = await rig.visitors.get(hostname, '/');
    return visit.kind === 'answered' && visit.status === 200 && visit.body === wholeBody(name);
  };
  await eventually(isServed).toBe(true);
  return { url: origin.url, isServed };
}

/** Those that serve: one of before that still drains may end at any time. */
const connectorIds = async (rig: PortacodeRig) => (await rig.client.status()).connectors.filter(({ state }) => state !== 'draining').map(({ pid, revision }) => ({ pid, revision }));

describe('what goes wrong today', () => {
  test('1: a cancelled reconnect leaves everything as it was', async () => {
    const rig = await createPortacodeRig();
    await rig.serve();
    await rig.connect();
    const { isServed } = await publish(rig);
    const [tunnel, certificate] = [rig.readState('tunnel'), readFileSync(join(rig.baseDir, 'cert.pem'), 'utf8')];
    const reconnect = rig.send({ cmd: 'setup_cloudflare_tunnel', device_id: '6' }, ({ event }) => {
      if (event === 'cloudflare_tunnel_login') void rig.ask({ cmd: 'cancel_cloudflare_tunnel_setup' });
    });
    expect((await reconnect).at(-1)).toMatchObject({ event: 'error', error_code: 'SETUP_CANCELLED' });
    expect(await isServed()).toBe(true);
    expect(readFileSync(join(rig.baseDir, 'cert.pem'), 'utf8')).toBe(certificate);
    await eventually(() => rig.readState('tunnel')).toMatchObject({ configured: true, tunnel_id: tunnel['tunnel_id'] });
    expect(await configure(rig, null)).toMatchObject({ success: true, message: 'Cloudflare ingress configured for 1 rule(s).' });
  });

  test('2: a setup publishes the stored rules throughout, those that Portacode itself had stored too', async () => {
    const rig = await createPortacodeRig();
    const origin = await rig.origin('app');
    const stored = { hostname: 'app.example.com', destination: origin.url, label: 'mine' };
    const blank = { hostname: 'bad name.example.com', destination: origin.url };
    const refused = { hostname: 'bad.example.com', destination: 'http://127.0.0.1:1/path', parsed: { type: 'url', service_url: 'http://127.0.0.1:1/path', path: '/path' } };
    rig.writeState('forwarding', { rules: [stored, refused, blank, { hostname: 'x.elsewhere.org', destination: 'http://127.0.0.1:2' }], updated_at: '2025-12-01T00:00:00.123456+00:00', future: 1 });
    rig.writeState('tunnel', { configured: true, connected: true, domain: 'example.com', tunnel_name: 'portacode-proxmox-6', config_path: '/etc/cloudflared/config.yml', note: 'mine' });
    await rig.serve();
    expect(rig.readState('tunnel')).toMatchObject({ config_path: '/etc/cloudflared/config.yml' });
    await rig.connect();
    await eventually(async () => (await rig.visitors.get('app.example.com', '/')).kind === 'answered').toBe(true);
    expect(rig.readState('forwarding')).toMatchObject({
      rules: [{ ...stored, parsed: { type: 'url', service_url: origin.url } }], outside_zone_rules: [{ hostname: 'x.elsewhere.org' }], invalid_rules: [refused, blank], future: 1,
    });
    expect(rig.readState('forwarding')['rules']).toHaveLength(1);
    expect(rig.readState('tunnel')).toMatchObject({ config_path: join(rig.baseDir, 'config.yml'), note: 'mine' });
    const notInherited = (await rig.client.status()).attention.filter(({ code }) => code === 'RULE_NOT_INHERITED');
    expect(notInherited).toMatchObject([{ message: matching(/^2 rules .*must not have a path.*bad name\.example\.com|^2 rules .*bad name\.example\.com.*must not have a path/) }]);

    const lost: unknown[] = [];
    const done = new AbortController();
    const watch = (async () => {
      while (!done.signal.aborted) {
        const visit = await rig.visitors.get('app.example.com', '/');
        if (visit.kind !== 'answered' || visit.status === NO_CONTENT || visit.body !== wholeBody('app')) lost.push(visit);
      }
    })();
    await rig.connect();
    done.abort();
    await watch;
    expect(lost).toEqual([]);
    expect(rig.readState('forwarding')).toMatchObject({ rules: [stored], invalid_rules: [refused, blank] });
  });

  test('3: a destination with a path is refused before anything changes; a lone slash is none', async () => {
    const rig = await createPortacodeRig();
    await rig.serve();
    await rig.connect();
    const { url, isServed } = await publish(rig);
    const before = await connectorIds(rig);
    for (const destination of [`${url}/path`, 'http://[123]:8000/x', 'https://[123]/'.concat('y')]) {
      expect(await configure(rig, [{ hostname: 'app.example.com', destination }])).toMatchObject({ event: 'error', error_code: 'FORWARDING_INVALID', message: containing('must not have a path') });
    }
    expect([await connectorIds(rig), await isServed()]).toEqual([before, true]);
    expect(await configure(rig, [{ hostname: 'app.example.com', destination: `${url}/` }])).toMatchObject({ success: true, rules: [{ destination: url }] });
    expect(await isServed()).toBe(true);
  });

  test('4: a wildcard is one, and nothing in a hostname becomes a rule of its own', async () => {
    const rig = await createPortacodeRig();
    await rig.serve();
    await rig.connect();
    const { url } = await publish(rig);
    for (const hostname of ['a.example.com\n  - hostname: b.example.com', 'a.example.com: x', '"a".example.com', 'a.example.com #', '*.*.example.com', 'a\u0000.example.com', '- a.example.com'])
      expect(await configure(rig, [{ hostname, destination: url }])).toMatchObject({ event: 'error' });
    expect(await configure(rig, [{ hostname: '*.example.com', destination: url }])).toMatchObject({ success: true, rules: [{ hostname: '*.example.com' }] });
    await eventually(async () => {
      const visit = await rig.visitors.get('anything.example.com', '/');
      return visit.kind === 'answered' ? visit.body : visit.kind;
    }).toBe(wholeBody('app'));
  });

  test('5: an address that was recorded for one device never serves the name of another', async () => {
    const rig = await createPortacodeRig();
    await rig.serve();
    await rig.connect();
    const origin = await rig.origin('tenant');
    const { port } = new URL(origin.url);
    // The name led to a container of somebody else, whose address stands in the old file.
    rig.writeState('forwarding', { rules: [{ hostname: 'a.example.com', destination: `http://[5]:${port}`, resolved_ip: '127.0.0.1' }], updated_at: 'x' });
    expect(await configure(rig, [{ hostname: 'a.example.com', destination: `http://[7]:${port}`, resolved_ip: '127.0.0.1' }])).toMatchObject({ rules: [{ status: 'unresolved' }] });
    await eventually(async () => {
      const visit = await rig.visitors.get('a.example.com', '/');
      return visit.kind === 'answered' ? visit.status : visit.kind;
    }).toBe(503);
  });

  test('6: a record of another type at the name is not touched, and a foreign address only when asked', async () => {
    const rig = await createPortacodeRig();
    await rig.serve();
    await rig.connect();
    const origin = await rig.origin('app');
    rig.addRecord({ type: 'TXT', name: 'example.com', content: 'v=spf1' });
    rig.addRecord({ type: 'A', name: 'www.example.com', content: '192.0.2.1' });
    const typesAt = (name: string): readonly string[] => rig.records().filter((record) => record.name === name).map(({ type }) => type).sort();
    expect(await configure(rig, [{ hostname: 'example.com', destination: origin.url }])).toMatchObject({ success: true });
    expect(typesAt('example.com')).toEqual(['CNAME', 'TXT']);
    const both = [{ hostname: 'example.com', destination: origin.url }, { hostname: 'www.example.com', destination: origin.url }];
    expect(await configure(rig, both)).toMatchObject({ event: 'error', error_code: 'DNS_CONFLICT', message: containing('www.example.com') });
    expect(await configure(rig, both, { takeover: true })).toMatchObject({ success: true, rules: [{}, { dns: 'taken-over' }] });
    expect(await configure(rig, [])).toMatchObject({ success: true });
    expect([typesAt('example.com'), typesAt('www.example.com')]).toEqual([['TXT'], ['A']]);
  });

  test('7: the records that we made go with their rule', async () => {
    const rig = await createPortacodeRig();
    await rig.serve();
    await rig.connect();
    await publish(rig);
    expect(rig.recordNames()).toEqual(['app.example.com']);
    await configure(rig, []);
    expect(rig.recordNames()).toEqual([]);
  });

  test('8: one device that is offline is reported, and the others are published', async () => {
    const rig = await createPortacodeRig();
    await rig.serve();
    await rig.connect();
    const origin = await rig.origin('app');
    expect(await configure(rig, [{ hostname: 'off.example.com', destination: 'http://[404]:80' }, { hostname: 'app.example.com', destination: origin.url }])).toMatchObject({
      success: true, message: 'Cloudflare ingress configured for 2 rule(s).', rules: [{ status: 'unresolved' }, { status: 'live' }], warnings: [{ code: 'DEVICE_UNRESOLVED', hostname: 'off.example.com' }],
    });
    await eventually(async () => {
      const visit = await rig.visitors.get('app.example.com', '/');
      return visit.kind === 'answered' ? visit.body : visit.kind;
    }).toBe(wholeBody('app'));
  });

  test('10: after a reconnect to another zone its rules are set aside and reported, and later calls go on', async () => {
    const rig = await createPortacodeRig({ accounts: [{ name: 'Sandbox', zones: ['example.com', 'example.net'] }] });
    await rig.serve();
    await rig.connect();
    const { url } = await publish(rig);
    expect(await rig.connect('example.net')).toMatchObject({ message: 'Cloudflare tunnel ready for example.net.' });
    expect(rig.readState('forwarding')).toMatchObject({ rules: [], outside_zone_rules: [{ hostname: 'app.example.com', destination: url, parsed: { type: 'url' } }] });
    expect(await configure(rig, null)).toMatchObject({ success: true, rules: [], outside_zone_rules: [{ hostname: 'app.example.com' }] });
    expect(await configure(rig, [{ hostname: 'app.example.net', destination: url }])).toMatchObject({ success: true, rules: [{ hostname: 'app.example.net' }], outside_zone_rules: [{ hostname: 'app.example.com' }] });
    await rig.connect('example.com');
    expect(rig.readState('forwarding')).toMatchObject({ rules: [{ hostname: 'app.example.com' }], outside_zone_rules: [{ hostname: 'app.example.net' }] });
    // No rules at all means none, wherever they were.
    expect(await configure(rig, [])).not.toHaveProperty('outside_zone_rules');
    expect(rig.readState('forwarding')).not.toHaveProperty('outside_zone_rules');
  });

  test('11: nothing changed: nothing is restarted', async () => {
    const rig = await createPortacodeRig();
    await rig.serve();
    await rig.connect();
    const { url } = await publish(rig);
    const [connectors, forwarding] = [await connectorIds(rig), rig.readState('forwarding')];
    for (const rules of [null, [{ hostname: 'APP.example.com', service: `${url}/` }]]) expect(await configure(rig, rules)).toMatchObject({ success: true, updated_at: forwarding['updated_at'] });
    expect(await connectorIds(rig)).toEqual(connectors);
    expect(rig.readState('forwarding')).toEqual(forwarding);
  });

  test.skipIf(!isRoot)('18: two applies at once lose nothing of each other', async () => {
    const rig = await createPortacodeRig();
    await rig.serve();
    await rig.connect();
    rig.addContainer(141, '598');
    rig.addContainer(142, '599');
    const expose = (device: string, ports: readonly number[]) => rig.ask({ cmd: 'configure_proxmox_container_expose_ports', child_device_id: device, expose_ports: ports });
    const answers = await Promise.all([expose('598', [3001]), expose('599', [3001]), expose('598', [3001, 8000]), rig.client.addRule({ hostname: 'app.example.com', destination: 'http://127.0.0.1:1' })]);
    for (const answer of answers.slice(0, 3)) expect(answer).toMatchObject({ success: true });
    const rules = rig.readState('forwarding')['rules'] as readonly { readonly hostname: string; readonly destination: string }[];
    expect(rules.map(({ hostname, destination }) => `${hostname} ${destination}`).sort()).toEqual([
      '598-8000.example.com http://[598]:8000', '598.example.com http://[598]:3001', '599.example.com http://[599]:3001', 'app.example.com http://127.0.0.1:1',
    ]);
  });

  test('19: a corrupt state file is set aside, restored from the last good copy, and said', async () => {
    const rig = await createPortacodeRig();
    let daemon = await rig.serve();
    await rig.connect();
    const { isServed } = await publish(rig);
    const file = join(rig.stateDir, 'cloudflare_forwarding.json');
    const good = { ...rig.readState('forwarding'), theirs: 'kept' };
    writeFileSync(file, JSON.stringify(good));
    await configure(rig, null);
    daemon.kill('SIGTERM');
    await daemon.ended;
    daemon = await rig.serve();
    // Its own fields are ours to keep from here on.
    await rig.waitFor(({ type }) => type === 'copy.edited', 0);
    daemon.kill('SIGTERM');
    await daemon.ended;
    writeFileSync(file, '{"rules": [{"hostn');
    daemon = await rig.serve();
    await eventually(() => rig.stateOrProblem('forwarding')).toMatchObject({ theirs: 'kept', rules: [{ hostname: 'app.example.com' }] });
    await eventually(isServed).toBe(true);
    expect(readdirSync(rig.stateDir).some((name) => name.startsWith('cloudflare_forwarding.json.corrupt-'))).toBe(true);
    expect((await rig.client.status()).attention.map(({ code }) => code)).toContain('DOCUMENT_CORRUPT');
    expect(await configure(rig, null)).toMatchObject({ message: 'Cloudflare ingress configured for 1 rule(s).' });
  });
});

test('a state file that somebody edited while the daemon was away is what is wanted now', async () => {
  const rig = await createPortacodeRig();
  let daemon = await rig.serve();
  await rig.connect();
  const { url } = await publish(rig);
  daemon.kill('SIGTERM');
  await daemon.ended;
  const tunnel = rig.readState('tunnel');
  expect(tunnel).toMatchObject({ configured: true, connector_state: 'stopped' });
  rig.writeState('forwarding', { rules: [{ hostname: 'new.example.com', destination: url }], updated_at: 'x' });
  rig.writeState('tunnel', { ...tunnel, note: 'mine' });
  daemon = await rig.serve();
  await eventually(() => rig.readState('forwarding')).toMatchObject({ managed_by: 'cloudflared-supervisor', rules: [{ hostname: 'new.example.com' }] });
  await eventually(() => rig.readState('tunnel')).toMatchObject({ note: 'mine', connector_state: 'ready' });
  expect(await rig.client.readForwarding()).toMatchObject({ rules: [{ hostname: 'new.example.com' }] });

  daemon.kill('SIGTERM');
  await daemon.ended;
  rig.writeState('tunnel', { ...tunnel, tunnel_id: 'another' });
  rig.writeState('forwarding', { rules: [{ hostname: 'new.example.com', destination: 'nonsense' }] });
  await rig.serve();
  await eventually(() => rig.readState('tunnel')).toMatchObject({ tunnel_id: tunnel['tunnel_id'] });
  await eventually(() => rig.readState('forwarding')).toMatchObject({ rules: [{ hostname: 'new.example.com', destination: url }] });
  const setAside = (): readonly string[] => readdirSync(rig.stateDir).filter((name) => name.includes('.edited-')).map((name) => name.replace(/-\w+$/, '')).sort();
  await eventually(setAside).toEqual(['cloudflare_forwarding.json.edited', 'cloudflare_tunnel.json.edited']);
});
