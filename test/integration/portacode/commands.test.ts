import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { PortacodeEvent } from '../../../src/portacode/events.js';
import { ANY_NUMBER, ANY_TEXT, containing, createPortacodeRig, eventually, EXPOSED, isRoot, matching, type PortacodeRig } from './portacode-rig.js';

const PYTHON_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/;
const NOT_YET = 'Cloudflare tunnel is not configured yet.';

/** Follows over the socket, until `until` says that it has seen enough. */
function follow(rig: PortacodeRig, until: (event: PortacodeEvent) => boolean): { readonly began: Promise<void>; readonly seen: Promise<readonly PortacodeEvent[]> } {
  let begin: () => void = () => undefined;
  const began = new Promise<void>((resolve) => (begin = resolve));
  const seen = new Promise<readonly PortacodeEvent[]>((resolve) => {
    const events: PortacodeEvent[] = [];
    // Ends with the daemon, at the end of the test.
    rig.send({ cmd: 'follow' }, (event) => {
      if (event.event === 'supervisor_following') begin();
      if (event.event.startsWith('supervisor_')) return;
      events.push(event);
      if (until(event)) resolve(events);
    }).catch(() => undefined);
  });
  return { began, seen };
}

test('before a domain is connected every command says so, in the words that Portacode forgives', async () => {
  const rig = await createPortacodeRig();
  await rig.serve();
  const ask = async (command: Record<string, unknown>): Promise<unknown> => (await rig.ask(command))['message'];
  expect(await rig.ask({ cmd: 'configure_cloudflare_forwarding', request_id: 'r1' })).toEqual({
    event: 'error', message: NOT_YET, error_code: 'SETUP_REQUIRED', hint: 'Run `cloudflared-supervisor setup`.', request_id: 'r1',
  });
  expect(await ask({ cmd: 'configure_proxmox_container_expose_ports', child_device_id: '598', expose_ports: [] })).toBe(NOT_YET);
  expect(await ask({ cmd: 'set_container_forwarding_rules', device_id: 'x', rules: 'x' })).toBe(NOT_YET);
  expect(await ask({ cmd: 'reconcile_container_forwarding_ip', container_device_id: '598' })).toBe(NOT_YET);
  expect(await ask({ cmd: 'configure_proxmox_container_expose_ports', expose_ports: [] })).toBe('child_device_id is required');
  expect(await ask({ cmd: 'setup_cloudflare_tunnel', device_id: ' ' })).toBe('device_id is required to configure a tunnel');
  expect(await ask({ cmd: 'setup_cloudflare_tunnel', device_id: 1, timeout: 'soon' })).toBe('timeout must be a number of seconds');
  expect(await ask({ cmd: 'make_coffee' })).toBe('unknown command "make_coffee"');
  expect(await rig.ask({ cmd: 'cancel_cloudflare_tunnel_setup', request_id: 7 })).toMatchObject({ event: 'cloudflare_tunnel_setup_cancelled', success: true, cancelled: false, request_id: 7 });
});

describe('setup_cloudflare_tunnel', () => {
  test('gives the login URL, then the whole state file; asked again while it runs and afterwards, the same', async () => {
    const rig = await createPortacodeRig();
    await rig.serve();
    const command = { cmd: 'setup_cloudflare_tunnel', device_id: 6, request_id: 's1', source_client_session: 'x', trace: { client_send: 1 }, reply_channel: 'y' };
    let loggedIn: () => void = () => undefined;
    const login = new Promise<void>((resolve) => (loggedIn = resolve));
    const first = rig.send(command, ({ event }) => event === 'cloudflare_tunnel_login' && loggedIn());
    await login;
    await eventually(() => rig.stateIfThere('tunnel')).toMatchObject({ configured: false, login_url: containing('argotunnel') });
    const second = rig.send(command);
    await rig.authorise();
    const events = await first;
    expect(events).toEqual([
      { event: 'cloudflare_tunnel_login', status: 'pending', login_url: matching(/^https:\/\/dash\.cloudflare\.com\/argotunnel\?/), message: 'Open the login URL to authorize Cloudflare for this domain.', expires_at: matching(PYTHON_TIME), request_id: 's1' },
      { event: 'cloudflare_tunnel_configured', success: true, message: 'Cloudflare tunnel ready for example.com.', cloudflare_tunnel: rig.readState('tunnel'), warnings: [], request_id: 's1' },
    ]);
    expect(rig.readState('tunnel')).toMatchObject({
      connected: true, configured: true, domain: 'example.com', tunnel_name: 'portacode-proxmox-6', tunnel_existed: false, token_file: null, service_installed: false,
      config_path: join(rig.baseDir, 'config.yml'), cert_path: join(rig.baseDir, 'cert.pem'), cloudflared_version: matching(/^cloudflared version \S+ \(built /), updated_at: matching(PYTHON_TIME),
    });
    expect(rig.readState('tunnel')).not.toHaveProperty('login_url');
    expect(await second).toEqual(events);
    expect(await rig.send(command)).toEqual(events);
    expect(rig.sandbox.logins.list()).toHaveLength(1);
  });

  test('with async answers with the URL at once, and the rest comes to who follows; a cancelled one says so', async () => {
    const rig = await createPortacodeRig();
    await rig.serve();
    const cancelled = follow(rig, ({ event }) => event === 'error');
    await cancelled.began;
    expect(await rig.send({ cmd: 'setup_cloudflare_tunnel', device_id: '6', async: true, request_id: 's1' })).toMatchObject([{ event: 'cloudflare_tunnel_login', request_id: 's1' }]);
    expect(await rig.ask({ cmd: 'cancel_cloudflare_tunnel_setup' })).toMatchObject({ cancelled: true });
    expect((await cancelled.seen).at(-1)).toMatchObject({ event: 'error', error_code: 'SETUP_CANCELLED', request_id: 's1' });
    // Asked again, it is what came of it, and no URL that leads nowhere any more.
    expect(await rig.send({ cmd: 'setup_cloudflare_tunnel', device_id: '6', async: true, request_id: 's1' })).toMatchObject([{ event: 'error', error_code: 'SETUP_CANCELLED', request_id: 's1' }]);

    const configured = follow(rig, ({ event }) => event === 'cloudflare_tunnel_configured');
    await configured.began;
    expect(await rig.ask({ cmd: 'setup_cloudflare_tunnel', device_id: '6', async: true, request_id: 's2' })).toMatchObject({ event: 'cloudflare_tunnel_login', request_id: 's2' });
    await rig.authorise();
    expect((await configured.seen).at(-1)).toMatchObject({ event: 'cloudflare_tunnel_configured', request_id: 's2', cloudflare_tunnel: { configured: true } });
    expect(await rig.send({ cmd: 'setup_cloudflare_tunnel', device_id: '6', async: true, request_id: 's2' })).toMatchObject([{ event: 'cloudflare_tunnel_configured', request_id: 's2' }]);
  });

  test('outlives its asker, and a restart of the daemon: who follows hears of it', async () => {
    const rig = await createPortacodeRig();
    const daemon = await rig.serve();
    expect(await rig.ask({ cmd: 'setup_cloudflare_tunnel', device_id: '6', async: true, request_id: 's1', timeout: 5 })).toMatchObject({ event: 'cloudflare_tunnel_login' });
    daemon.kill('SIGKILL');
    await daemon.ended;
    const since = await lastSeq(rig);
    await rig.serve();
    const seen = await new Promise<PortacodeEvent>((resolve) => {
      rig.send({ cmd: 'follow', since }, (event) => {
        if (event.event === 'error' || event.event === 'cloudflare_tunnel_configured') resolve(event);
      }).catch(() => undefined);
    });
    expect(seen).toMatchObject({ event: 'error', request_id: 's1' });
  });
});

async function lastSeq(rig: PortacodeRig): Promise<number> {
  const { readFileSync } = await import('node:fs');
  const last = readFileSync(join(rig.baseDir, 'log', 'events.jsonl'), 'utf8').trim().split('\n').at(-1) ?? '{}';
  return (JSON.parse(last) as { seq: number }).seq;
}

describe('configure_cloudflare_forwarding', () => {
  test('replaces, applies again and removes the rules, and answers as today and with more', async () => {
    const rig = await createPortacodeRig();
    let daemon = await rig.serve();
    await rig.connect();
    const configure = (fields: Record<string, unknown>) => rig.ask({ cmd: 'configure_cloudflare_forwarding', device_id: 6, ...fields });
    const command = { rules: [{ hostname: 'app.example.com', destination: 'http://127.0.0.1:3000', extra: 1 }, { host: 'DEV.example.com', service: 'http://[123]:8000' }], request_id: 'f1' };
    const answer = await configure(command);
    expect(answer).toEqual({
      event: 'cloudflare_forwarding_configured', success: true, message: 'Cloudflare ingress configured for 2 rule(s).',
      rules: [
        { hostname: 'app.example.com', destination: 'http://127.0.0.1:3000', status: 'live', dns: 'created' },
        { hostname: 'dev.example.com', destination: 'http://[123]:8000', status: 'unresolved', dns: 'created' },
      ],
      updated_at: rig.readState('forwarding')['updated_at'], device_id: '6', warnings: [expect.objectContaining({ code: 'DEVICE_UNRESOLVED' })], request_id: 'f1',
    });
    expect(answer['updated_at']).toMatch(PYTHON_TIME);
    expect(rig.readState('forwarding')).toMatchObject({ rules: [{ hostname: 'app.example.com', parsed: { type: 'url' } }, { hostname: 'dev.example.com', parsed: { type: 'device', device_id: '123', port: 8000 } }] });
    expect(statSync(join(rig.stateDir, 'cloudflare_forwarding.json')).mode & 0o777).toBe(0o600);

    for (const rules of [null, undefined]) expect(await configure({ rules })).toMatchObject({ message: 'Cloudflare ingress configured for 2 rule(s).', updated_at: answer['updated_at'] });
    expect(await configure({ rules: [{ hostname: 'evil.org', destination: 'http://x:1' }] })).toMatchObject({ event: 'error', message: "'evil.org' is not a subdomain of 'example.com'", error_code: 'FORWARDING_INVALID', problems: [{ rule: 0, field: 'hostname' }] });
    expect(await configure({ device_id: '', rules: [] })).toMatchObject({ message: 'device_id is required to configure forwarding rules' });

    daemon.kill('SIGTERM');
    await daemon.ended;
    daemon = await rig.serve();
    expect(await configure({ rules: [] })).toMatchObject({ message: 'Cloudflare ingress configured for 0 rule(s).', rules: [] });
    expect(rig.recordNames()).toEqual([]);
    // The first answer again, after a restart, and nothing is done.
    expect(await configure(command)).toEqual(answer);
    expect(rig.readState('forwarding')['rules']).toEqual([]);
  });

  test('two at once with one request are one change', async () => {
    const rig = await createPortacodeRig();
    await rig.serve();
    await rig.connect();
    const command = { cmd: 'configure_cloudflare_forwarding', device_id: '6', request_id: 'f1', rules: [{ hostname: 'a.example.com', destination: 'http://127.0.0.1:1' }] };
    const [first, second] = await Promise.all([rig.ask(command), rig.ask(command)]);
    expect(second).toEqual(first);
    expect((await rig.client.listRevisions()).revisions.filter(({ reason }) => reason === 'portacode')).toHaveLength(1);
  });

  test('what nobody of Portacode asked for is told to who follows, and nothing else', async () => {
    const rig = await createPortacodeRig();
    await rig.serve();
    await rig.connect();
    const changed = follow(rig, ({ event }) => event === 'cloudflare_forwarding_changed');
    await changed.began;
    await rig.ask({ cmd: 'configure_cloudflare_forwarding', device_id: '6', rules: [{ hostname: 'a.example.com', destination: 'http://127.0.0.1:1' }] });
    await rig.client.addRule({ hostname: 'b.example.com', destination: 'http://127.0.0.1:2' });
    expect(await changed.seen).toEqual([{
      event: 'cloudflare_forwarding_changed', success: true, message: 'Cloudflare ingress configured for 2 rule(s).', reason: 'user', device_id: '6', seq: ANY_NUMBER, warnings: [],
      updated_at: rig.readState('forwarding')['updated_at'],
      rules: ['a', 'b'].map((name, index) => ({ hostname: `${name}.example.com`, destination: `http://127.0.0.1:${index + 1}`, status: 'live', dns: 'created' })),
    }]);

    const down = follow(rig, ({ event, ['state']: state }) => event === 'cloudflare_connector_state' && state === 'ready');
    await down.began;
    for (const { pid } of rig.connectors()) process.kill(pid, 'SIGKILL');
    const states = await down.seen;
    expect(states.map(({ event }) => event).every((event) => event === 'cloudflare_connector_state')).toBe(true);
    expect(states[0]?.['state']).not.toBe('ready');
    // The next one may serve before it is known why the last one ended.
    for (const state of states.filter(({ error_code: code }) => code !== null)) {
      expect(state).toMatchObject({ error_code: 'CONNECTOR_CRASHED', since: matching(PYTHON_TIME), message: containing('The connector ended by itself') });
    }
    expect(states.at(-1)).toMatchObject({ state: 'ready', error_code: null });
  });
});

describe.skipIf(!isRoot)('configure_proxmox_container_expose_ports (pct runs as root)', () => {
  const expose = (rig: PortacodeRig, ports: unknown, fields: Record<string, unknown> = {}) => rig.ask({ cmd: 'configure_proxmox_container_expose_ports', child_device_id: '598', expose_ports: ports, ...fields });

  test('tells the container first, in one piece, and answers with its own rules only', async () => {
    const rig = await createPortacodeRig();
    await rig.serve();
    await rig.connect();
    rig.addContainer(141, '598');
    await rig.ask({ cmd: 'configure_cloudflare_forwarding', device_id: '6', rules: [{ hostname: 'secret.example.com', destination: 'http://[7]:1' }, { hostname: '598.example.com', destination: 'http://127.0.0.1:80' }] });
    const answer = await expose(rig, [3001, { port: '8443', protocol: 'https' }, '3001'], { request_id: 'e1' });
    const exposed = [
      { port: 3001, protocol: 'http', hostname: '598-3001.example.com', url: 'https://598-3001.example.com' },
      { port: 8443, protocol: 'https', hostname: '598-8443-https.example.com', url: 'https://598-8443-https.example.com' },
    ];
    expect(answer).toMatchObject({
      event: 'proxmox_container_expose_ports_configured', success: true, message: 'Applied 2 expose-port rule(s) for device 598.', child_device_id: '598', exposed_ports: exposed, request_id: 'e1',
      updated_at: rig.readState('forwarding')['updated_at'],
      rules: [{ hostname: '598-3001.example.com', destination: 'http://[598]:3001', dns: 'created' }, { hostname: '598-8443-https.example.com', destination: 'https://[598]:8443', dns: 'created' }],
    });
    expect(JSON.stringify(answer)).not.toContain('secret');
    expect(rig.readState('forwarding')).toMatchObject({ rules: [{ hostname: 'secret.example.com' }, { hostname: '598.example.com' }, {}, {}] });
    expect(rig.pct.read(141, EXPOSED)).toBe(`${JSON.stringify({ device_id: '598', exposed_services: exposed }, null, 2)}\n`);
    expect(rig.pct.calls()).toEqual([
      ['exec', '141', '--', 'mkdir', '-p', '/etc/portacode'],
      ['exec', '141', '--', 'chown', 'root:root', '/etc/portacode'],
      ['push', '141', ANY_TEXT, `${EXPOSED}.new`],
      ['exec', '141', '--', 'chown', 'root:root', `${EXPOSED}.new`],
      ['exec', '141', '--', 'chmod', '644', `${EXPOSED}.new`],
      ['exec', '141', '--', 'mv', '-f', `${EXPOSED}.new`, EXPOSED],
    ]);

    rig.pct.forget();
    expect(await expose(rig, [3001, { port: 8443, protocol: 'https' }])).toMatchObject({ exposed_ports: exposed });
    expect(rig.pct.calls()).toEqual([]);

    const viaApi = await rig.client.exposePorts({ id: '598', ports: [9000, { port: 8443, protocol: 'https' }] });
    expect(viaApi).toMatchObject({ device: '598', exposedPorts: [{ port: 9000, hostname: '598-9000.example.com' }, exposed[1]], rules: [{}, {}] });
    await expect(rig.client.exposePorts({ id: 'x', ports: [] })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await expect(rig.client.exposePorts({ id: '598', ports: [1, 2, 3, 4] })).rejects.toMatchObject({ code: 'REQUEST_INVALID', message: 'A maximum of 3 ports can be exposed' });
  });

  test('a container that cannot be told keeps what it had; one that is to have nothing is a warning', async () => {
    const rig = await createPortacodeRig();
    await rig.serve();
    await rig.connect();
    rig.addContainer(141, '598');
    await expose(rig, [3001]);
    const before = rig.pct.read(141, EXPOSED);
    for (const word of ['push', 'mkdir', 'mv']) {
      rig.pct.failOn(word);
      expect(await expose(rig, [8000])).toMatchObject({ event: 'error', error_code: 'CONTAINER_NOT_TOLD', message: containing('CT 141 not running') });
      expect([rig.pct.read(141, EXPOSED), rig.readState('forwarding')['rules']]).toEqual([before, [expect.objectContaining({ destination: 'http://[598]:3001' })]]);
    }
    rig.pct.failOn('*');
    expect(await expose(rig, [])).toMatchObject({ success: true, message: 'Applied 0 expose-port rule(s) for device 598.', rules: [], exposed_ports: [], warnings: [expect.objectContaining({ code: 'CONTAINER_NOT_TOLD' })] });
    expect(rig.readState('forwarding')['rules']).toEqual([]);
    rig.pct.failOn(undefined);
    expect(await expose(rig, null)).toMatchObject({ success: true, warnings: [] });
    expect(rig.pct.read(141, EXPOSED)).toBe(`${JSON.stringify({ device_id: '598', exposed_services: [] }, null, 2)}\n`);
    expect(await rig.ask({ cmd: 'configure_proxmox_container_expose_ports', child_device_id: '999', expose_ports: [1] })).toMatchObject({ event: 'error', message: 'Proxmox infrastructure is not configured.' });
    expect(await rig.ask({ cmd: 'configure_proxmox_container_expose_ports', child_device_id: '999', expose_ports: [] })).toMatchObject({ success: true });
  });

  test('where the change fails the container is told of what it has', async () => {
    const rig = await createPortacodeRig();
    await rig.serve();
    await rig.connect();
    rig.addContainer(141, '598');
    await expose(rig, [3001]);
    const before = rig.pct.read(141, EXPOSED);
    rig.addRecord({ type: 'A', name: '598-8000.example.com', content: '192.0.2.1' });
    expect(await expose(rig, [3001, 8000])).toMatchObject({ event: 'error', error_code: 'DNS_CONFLICT', message: containing('598-8000.example.com') });
    expect(rig.pct.read(141, EXPOSED)).toBe(before);
    expect(await expose(rig, [3001, 8000], { takeover: true })).toMatchObject({ success: true, rules: [{ dns: 'created' }, { dns: 'taken-over' }] });
  });

  test('set_container_forwarding_rules is the same by its other name, and reconcile says whether addresses changed', async () => {
    const rig = await createPortacodeRig();
    const leases = join(rig.directory, 'leases');
    writeFileSync(leases, '');
    await rig.serve({ CLOUDFLARED_SUPERVISOR_LEASE_FILE: leases });
    await rig.connect();
    rig.addContainer(141, '598');
    expect(await rig.ask({ cmd: 'set_container_forwarding_rules', container_device_id: 598, container_rules: [{ subdomain: '598', port: 3001, protocol: 'http' }, { subdomain: '1_598', port: 3001 }] })).toMatchObject({
      event: 'container_forwarding_rules_set', device_id: '598', domain: 'example.com', rules: [{ hostname: '598.example.com' }], exposed_ports: [{ port: 3001, protocol: 'http', hostname: '598.example.com', url: 'https://598.example.com' }], updated_at: matching(PYTHON_TIME),
    });
    expect(await rig.ask({ cmd: 'reconcile_container_forwarding_ip', container_device_id: 598, lease_attempts: 1 })).toMatchObject({ event: 'container_forwarding_ip_reconciled', success: true, changed: false, device_id: '598' });
    expect(await rig.ask({ cmd: 'reconcile_container_forwarding_ip', container_device_id: '' })).toMatchObject({ changed: false });
  });

  test('a container can be removed while Cloudflare is away: what DNS still has is owed', async () => {
    const rig = await createPortacodeRig();
    await rig.serve();
    await rig.connect();
    rig.addContainer(141, '598');
    await expose(rig, [3001]);
    const fault = rig.sandbox.faults.api.add({ fault: { kind: 'status', status: 403 } });
    expect(await expose(rig, [])).toMatchObject({ success: true, rules: [] });
    expect([rig.readState('forwarding')['rules'], rig.recordNames()]).toEqual([[], ['598.example.com']]);
    expect((await rig.client.status()).attention.map(({ code }) => code)).toContain('DNS_REMOVAL_OWED');
    rig.sandbox.faults.api.remove(fault);
  });

  test('also where nothing of Cloudflare can be reached, its edge neither', async () => {
    const rig = await createPortacodeRig();
    await rig.serve();
    await rig.connect();
    rig.addContainer(141, '598');
    await expose(rig, [3001]);
    // As a captive portal answers: else the removal of the record is tried for a while before it is owed.
    rig.sandbox.faults.api.add({ fault: { kind: 'html' }, method: 'DELETE' });
    await rig.sandbox.edge.setDialMode('refuse');
    // Again and again: one that was just being accepted comes after the first.
    await expect.poll(async () => {
      rig.sandbox.edge.drop(() => true);
      return (await rig.client.status()).connectors.some(({ state }) => state === 'ready');
    }).toBe(false);
    expect(await expose(rig, [])).toMatchObject({ success: true, rules: [], warnings: [{ code: 'REMOVED_UNPROVEN' }, { code: 'DNS_REMOVAL_OWED' }] });
    expect([rig.readState('forwarding')['rules'], rig.recordNames()]).toEqual([[], ['598.example.com']]);
    const { daemon, connectors } = await rig.client.status();
    expect(connectors.filter(({ state }) => state !== 'draining').map(({ revision }) => revision)).toEqual([daemon.revision]);
  }, 60_000);
});
