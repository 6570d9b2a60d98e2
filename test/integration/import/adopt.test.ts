import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SupervisorError } from '../../../src/core/errors.js';
import { Secret } from '../../../src/core/secret.js';
import type { Tunnel } from '../../../src/sandbox/world/tunnels.js';
import type { Adoption, CloudflareAccount, SetupPorts } from '../../../src/setup/ports.js';
import type { SetupParameters } from '../../../src/setup/parameters.js';
import { SETUP_PLAN } from '../../../src/setup/steps.js';
import { createDeadlyGate, startSetupHarness, type SetupHarness } from '../setup/setup-harness.js';

let harness: SetupHarness;
let tunnel: Tunnel;
beforeEach(async () => {
  harness = await startSetupHarness({ accounts: [{ name: 'One', zones: ['example.com'] }, { name: 'Two', zones: ['example.org'] }] });
  harness.login = async () => {
    throw new SupervisorError('LOGIN_FAILED', 'A person was asked.');
  };
  tunnel = harness.sandbox.world.tunnels.create(harness.issue().certificate.accountId, 'homelab');
});
afterEach(async () => {
  await harness.close();
});

const RULES = [{ hostname: 'app.example.com', destination: 'http://localhost:3000' }];
const secretOf = ({ secret }: Tunnel): string => secret.toString('base64');
const credentialsOf = (of: Tunnel) => ({ accountTag: of.accountId, tunnelId: of.id, tunnelSecret: new Secret(secretOf(of)), endpoint: '' });
const adoption = (more: Partial<Adoption> = {}): Adoption => ({ tunnelId: tunnel.id, tunnelName: undefined, credentials: credentialsOf(tunnel), likelyDomain: undefined, rules: RULES, connectorIds: [], otherConnectors: 0, ...more });
const withCertificate = (more: Partial<Adoption> = {}): SetupParameters => ({ certificate: harness.issue().pem, adoption: adoption(more) });

/** The account of the certificate, but for what is said here. */
const openWith = (more: Partial<CloudflareAccount>): Partial<SetupPorts> => ({ openAccount: (pem) => ({ ...harness.openAccount(pem), ...more }) });

async function adopt(parameters: SetupParameters, ports: Partial<SetupPorts> = {}) {
  const session = harness.createSession(ports);
  const { outcome } = session.start(parameters);
  try {
    return await outcome;
  } finally {
    await session.settled();
  }
}

const stagedFiles = async (): Promise<readonly string[]> => (await harness.files()).filter((file) => file.startsWith('setup/'));

describe('a tunnel that others run', () => {
  test('is taken as it is, with its credentials, and published with its rules', async () => {
    const { tunnel: taken, tunnelExisted, warnings } = await adopt(withCertificate());
    expect(taken).toEqual({ id: tunnel.id, name: 'homelab', accountId: tunnel.accountId, zoneId: harness.issue().certificate.zoneId, domain: 'example.com', madeByUs: false, joined: false });
    expect({ tunnelExisted, warnings }).toEqual({ tunnelExisted: true, warnings: [] });
    expect(harness.published).toMatchObject([{ tunnel: { id: tunnel.id }, rules: RULES, takeover: false }]);
    expect((await harness.installed())?.credentials?.tunnelSecret.reveal()).toBe(secretOf(tunnel));
    expect(await stagedFiles()).toEqual([]);
    expect(harness.events.map(({ type }) => type)).not.toContain('login.url-issued');
  });

  test('has its credentials fetched where nobody could read them, by its name alone too', async () => {
    await adopt(withCertificate({ tunnelId: undefined, tunnelName: 'homelab', credentials: undefined }));
    expect((await harness.installed())?.credentials?.tunnelSecret.reveal()).toBe(secretOf(tunnel));
  });

  test('without a certificate has the domain that it is told, and no zone', async () => {
    expect((await adopt({ adoption: adoption({ likelyDomain: 'example.com', tunnelName: 'homelab' }) })).tunnel).toMatchObject({ name: 'homelab', domain: 'example.com', zoneId: '', accountId: tunnel.accountId });
    expect((await harness.installed())?.certificate).toBeUndefined();
    expect(harness.requests()).toEqual([]);
  });

  test('whose certificate may not read its zone has the domain that is likely', async () => {
    expect((await adopt(withCertificate({ likelyDomain: 'example.com' }), openWith({ readZone: async () => undefined }))).tunnel).toMatchObject({ domain: 'example.com', zoneId: harness.issue().certificate.zoneId });
  });

  test('with connectors on other machines is shared: nothing of it is ours to delete', async () => {
    const listConnectors = async () => ['ours', 'old-here', 'nameless-here', 'elsewhere'].map((id) => ({ id, originIp: undefined, version: undefined }));
    const ports = { ...openWith({ listConnectors }), knownConnectors: async () => ['ours'] };
    expect(await adopt(withCertificate({ connectorIds: ['old-here'], otherConnectors: 1 }), ports)).toMatchObject({ tunnel: { joined: true }, warnings: [{ code: 'TUNNEL_SHARED' }] });
  });

  test('with connectors on this machine alone is not', async () => {
    const listConnectors = async () => ['old-here', 'nameless-here'].map((id) => ({ id, originIp: undefined, version: undefined }));
    expect(await adopt(withCertificate({ connectorIds: ['old-here'], otherConnectors: 1 }), openWith({ listConnectors }))).toMatchObject({ tunnel: { joined: false }, warnings: [] });
  });
});

describe('nothing is taken over', () => {
  const refused: readonly (readonly [string, () => SetupParameters, () => Partial<SetupPorts>, string])[] = [
    ['whose rules are kept at Cloudflare', withCertificate, () => openWith({ readTunnel: async () => ({ id: tunnel.id, name: 'homelab', remote: true }) }), 'TUNNEL_REMOTE'],
    ['that was deleted', () => withCertificate({ tunnelId: '99999999-2222-4333-8444-555555555555' }), () => ({}), 'TUNNEL_DELETED'],
    ['with a certificate of another account', () => ({ ...withCertificate(), certificate: harness.issue('example.org').pem }), () => openWith({ readTunnel: async () => ({ id: tunnel.id, name: 'homelab', remote: false }) }), 'ORIGIN_CERT_INVALID'],
    ['of which nobody knows the domain', () => ({ adoption: adoption() }), () => ({}), 'ZONE_FORBIDDEN'],
    ['without credentials and certificate', () => ({ adoption: adoption({ credentials: undefined, likelyDomain: 'example.com' }) }), () => ({}), 'CREDENTIALS_MISSING'],
    ['with a certificate that is not accepted', withCertificate, () => openWith({ readZone: async () => Promise.reject(new SupervisorError('ORIGIN_CERT_REFUSED', 'no')) }), 'ORIGIN_CERT_REFUSED'],
  ];
  test.each(refused)('%s', async (_name, parameters, ports, code) => {
    await expect(adopt(parameters(), ports())).rejects.toMatchObject({ code });
    expect(harness.published).toEqual([]);
    expect(await harness.files()).toEqual([]);
    expect(harness.tunnels()).toEqual(['homelab']);
  });

  test('while another tunnel is run here', async () => {
    await adopt(withCertificate());
    const other = harness.sandbox.world.tunnels.create(tunnel.accountId, 'other');
    await expect(adopt(withCertificate({ tunnelId: other.id, credentials: credentialsOf(other) }))).rejects.toMatchObject({ code: 'TUNNEL_CONNECTED' });
    expect((await harness.installed())?.identity.id).toBe(tunnel.id);
    expect(await stagedFiles()).toEqual([]);
  });

  test('where publishing fails', async () => {
    harness.beforePublish = async () => Promise.reject(new SupervisorError('DNS_CONFLICT', 'A record is there.'));
    await expect(adopt(withCertificate())).rejects.toMatchObject({ code: 'DNS_CONFLICT' });
    expect(await harness.files()).toEqual([]);
    expect(harness.tunnels()).toEqual(['homelab']);
  });
});

describe('a supervisor that is killed while it takes over', () => {
  const boundaries = SETUP_PLAN.flatMap((name) => (['before', 'after'] as const).map((phase) => ({ name, phase })));

  test.each(boundaries)('$phase $name finishes it, or leaves nothing', async ({ name, phase }) => {
    const { gate, died } = createDeadlyGate((boundary) => boundary.name === name && boundary.phase === phase);
    harness.createSession({ gate }).start(withCertificate());
    await died;
    const session = harness.createSession();
    session.recover(await harness.unfinished());
    await session.settled();

    const isBrought = boundaries.findIndex((boundary) => boundary.name === name && boundary.phase === phase) > boundaries.findIndex((boundary) => boundary.name === 'log-in' && boundary.phase === 'before');
    expect((await harness.installed())?.identity.id).toBe(isBrought ? tunnel.id : undefined);
    if (isBrought) for (const request of harness.published) expect(request.rules).toEqual(RULES);
    expect((await harness.files()).toSorted()).toEqual(isBrought ? ['cert.pem', 'tunnel.json', `${tunnel.id}.json`].toSorted() : []);
    expect(harness.tunnels()).toEqual(['homelab']);
    expect(await harness.unfinished()).toEqual([]);
  });
});

describe('a login after a takeover without a certificate', () => {
  test('stays on the tunnel, under the name that it has', async () => {
    await adopt({ adoption: adoption({ likelyDomain: 'example.com' }) });
    expect((await harness.installed())?.identity.name).toBe(tunnel.id);
    const { tunnel: now } = await adopt({ certificate: harness.issue().pem });
    expect(now).toMatchObject({ id: tunnel.id, name: 'homelab', madeByUs: false });
    expect(harness.tunnels()).toEqual(['homelab']);
  });
});
