import { describe, expect, test } from 'vitest';
import { chooseCandidate, refuseUnready, toAdoptionRequest } from '../../../src/import/adopt.js';
import { decide, type ImportChoices } from '../../../src/import/decide/decide.js';
import type { Finding, LiveConnector } from '../../../src/import/findings.js';
import { certificate, config, credentials, ID, importReport, process, SECRET, survey, token, tunnelReport, type Tree } from './prepared-machine.js';

const OTHER = '99999999-2222-4333-8444-555555555555';
const BY_CONFIG = ['cloudflared', 'tunnel', '--config', '/etc/cloudflared/config.yml', 'run'];
const BY_TOKEN = ['cloudflared', 'tunnel', 'run', '--token', token()];
const TREE: Tree = { '/etc/cloudflared/config.yml': config(), [`/root/.cloudflared/${ID}.json`]: credentials(), '/root/.cloudflared/cert.pem': certificate() };
const NO_CHOICES: ImportChoices = { hosts: [], skip: [], domain: undefined, withoutCertificate: false };
const context = { rights: { canRead: async () => true, isForbidden: async () => false }, certificates: [], installedTunnelId: undefined };

/** What is decided when the running connector says this of itself. */
async function decideWith(live: LiveConnector, words = BY_CONFIG, tree = TREE) {
  const { findings } = await survey(tree, [process(words)]);
  return await decide(findings.map((finding): Finding => (finding.origin.kind === 'process' ? { ...finding, live } : finding)), NO_CHOICES, context);
}

const LOCAL = { connectorId: 'c-1', configVersion: -1, ingress: [{ hostname: 'app.example.com', path: null, service: 'http://localhost:3000', originRequest: {} }, { hostname: '', path: null, service: 'http_status:404', originRequest: {} }] };

describe('a tunnel whose rules are kept at Cloudflare', () => {
  test('is known by what its connector runs on, whatever its file says', async () => {
    const { candidates, report } = await decideWith({ ...LOCAL, configVersion: 4 });
    expect(report.tunnels).toMatchObject([{ verdict: 'remote', rules: [], remoteRules: [{ hostname: 'app.example.com', service: 'http://localhost:3000' }, { service: 'http_status:404' }], obstacles: [expect.stringContaining('number 4') as string] }]);
    expect(() => refuseUnready(chooseCandidate({ candidates, report }, undefined))).toThrow(expect.objectContaining({ code: 'TUNNEL_REMOTE' }));
  });

  test('is taken for that where it was started with a token alone, and cannot be asked', async () => {
    expect(await tunnelReport({}, [process(BY_TOKEN)])).toMatchObject({ id: ID, verdict: 'remote', credentials: 'the token that it was started with' });
  });

  test('is none where the connector says that it was sent nothing', async () => {
    expect((await decideWith({ ...LOCAL, ingress: [{ hostname: '', path: null, service: 'http_status:503', originRequest: {} }] }, BY_TOKEN, {})).report.tunnels).toMatchObject([{ verdict: 'ready', rules: [] }]);
  });
});

describe('a running connector', () => {
  test('that serves what its file says is fine', async () => {
    expect((await decideWith(LOCAL)).report.tunnels).toMatchObject([{ verdict: 'ready', notes: [] }]);
  });

  test('whose file was changed after it started is in the way', async () => {
    const { report } = await decideWith({ ...LOCAL, ingress: LOCAL.ingress.map((rule) => ({ ...rule, service: rule.service.replace('3000', '4000') })) });
    expect(report.tunnels).toMatchObject([{ verdict: 'in-the-way', obstacles: [expect.stringContaining('changed after it started') as string] }]);
  });

  test('that asks its origins otherwise is a note', async () => {
    const { report } = await decideWith({ ...LOCAL, ingress: LOCAL.ingress.map((rule) => ({ ...rule, originRequest: { connectTimeout: 7 } })) });
    expect(report.tunnels).toMatchObject([{ verdict: 'ready', notes: [expect.stringContaining('here the file counts') as string] }]);
  });

  test('beside another one with other rules is in the way', async () => {
    const tree = { ...TREE, '/b.yml': config().replace('3000', '4000') };
    expect(await tunnelReport(tree, [process(BY_CONFIG), process(['cloudflared', 'tunnel', '--config', '/b.yml', 'run'])])).toMatchObject({ verdict: 'in-the-way', obstacles: [expect.stringContaining('different rules') as string] });
  });
});

describe('what is in the way', () => {
  const refused = config().replace('http://localhost:3000', 'socks-proxy');

  test('is told rule by rule, and refused with all of it', async () => {
    const tree = { ...TREE, '/etc/cloudflared/config.yml': refused };
    expect(await tunnelReport(tree)).toMatchObject({ verdict: 'in-the-way', refused: [{ number: 1, code: 'SERVICE_UNSUPPORTED' }] });
    const { findings } = await survey(tree);
    const decision = await decide(findings, NO_CHOICES, context);
    expect(() => refuseUnready(chooseCandidate(decision, undefined))).toThrow(expect.objectContaining({ code: 'IMPORT_INCOMPLETE', problems: [expect.objectContaining({ field: 'rule 1', code: 'SERVICE_UNSUPPORTED' })] }));
  });

  test('may be left out by who knows what it does', async () => {
    expect(await tunnelReport({ ...TREE, '/etc/cloudflared/config.yml': refused }, [], { choices: { skip: ['app.example.com'] } })).toMatchObject({ verdict: 'ready', rules: [], skipped: [{ number: 1 }] });
  });

  test('is not what is said of how it runs', async () => {
    expect((await tunnelReport({ ...TREE, '/etc/cloudflared/config.yml': config('protocol: http2\nwarp-routing:\n  enabled: true\nloglevel: debug\n') })).notes).toEqual([
      'Its setting protocol: http2 is not taken over; `run --protocol` has the same for our connectors.',
      'Its setting warp-routing: {"enabled":true} is not taken over.',
    ]);
  });
});

describe('which tunnel, certificate and domain', () => {
  test('the one that runs, and not one that lies about; of several, the one that is named', async () => {
    const tree: Tree = { ...TREE, [`/home/svc/.cloudflared/${OTHER}.json`]: credentials(OTHER) };
    const { findings } = await survey(tree, [process(BY_CONFIG)]);
    const decision = await decide(findings, NO_CHOICES, context);
    expect(chooseCandidate(decision, undefined).report.id).toBe(ID);
    expect(chooseCandidate(decision, OTHER).report.id).toBe(OTHER);
    expect(() => chooseCandidate(decision, 'nobody')).toThrow(expect.objectContaining({ code: 'TUNNEL_UNKNOWN' }));
    const idle = await decide((await survey(tree)).findings, NO_CHOICES, context);
    expect(() => chooseCandidate(idle, undefined)).toThrow(expect.objectContaining({ code: 'TUNNEL_AMBIGUOUS' }));
    expect(() => chooseCandidate({ ...idle, candidates: [] }, undefined)).toThrow(expect.objectContaining({ code: 'TUNNEL_UNKNOWN' }));
  });

  test('a certificate of another account is not used, the user’s own is', async () => {
    const foreign: Tree = { ...TREE, '/etc/systemd/system/cloudflared.service': '[Service]\nExecStart=/usr/bin/cloudflared --config /etc/cloudflared/config.yml tunnel run\n', '/root/.cloudflared/cert.pem': certificate('account-2') };
    expect(await tunnelReport(foreign)).toMatchObject({ certificate: null });
    expect(await tunnelReport({ ...foreign, '/home/svc/.cloudflared/cert.pem': certificate() })).toMatchObject({ certificate: { from: '/home/svc/.cloudflared/cert.pem' } });
    expect(await tunnelReport({ ...TREE, '/home/svc/.cloudflared/cert.pem': certificate() }, [], { choices: { withoutCertificate: true } })).toMatchObject({ certificate: null });
  });

  test('a tunnel that is run here already is said to be', async () => {
    expect(await tunnelReport(TREE, [process(BY_CONFIG)], { installedTunnelId: ID })).toMatchObject({ verdict: 'ours' });
  });

  test('what the daemon is asked for holds the secrets, and only what is known', async () => {
    const { findings } = await survey({ ...TREE, '/etc/systemd/system/cloudflared.service': '[Service]\nExecStart=/usr/bin/cloudflared --config /etc/cloudflared/config.yml tunnel run\n' }, [process(BY_CONFIG)]);
    const live = findings.map((finding): Finding => (finding.origin.kind === 'process' ? { ...finding, live: LOCAL } : finding));
    const request = toAdoptionRequest(chooseCandidate(await decide(live, NO_CHOICES, context), undefined), { takeover: false });
    expect(request).toEqual({
      tunnel: { id: ID }, likelyDomain: 'example.com', connectors: { ids: ['c-1'], others: 0 }, cert: certificate(),
      rules: [{ hostname: 'app.example.com', destination: 'http://localhost:3000' }],
      credentials: expect.stringContaining(SECRET) as string,
    });
    expect(toAdoptionRequest(chooseCandidate(await decide(live, { ...NO_CHOICES, domain: 'example.com', withoutCertificate: true }, context), undefined), { takeover: true })).toMatchObject({ domain: 'example.com', takeover: true });
  });
});

describe("Portacode's tunnel", () => {
  const state = (more = {}): Tree => ({
    '/home/svc/.config/portacode/cloudflare_tunnel.json': JSON.stringify({ configured: true, domain: 'example.com', tunnel_name: 'portacode-proxmox-6', tunnel_id: ID, credentials_file: '/home/svc/p/c.json', config_path: '/home/svc/p/config.yml', cert_path: '/home/svc/p/cert.pem', token_file: null, ...more }),
    '/home/svc/.config/portacode/cloudflare_forwarding.json': JSON.stringify({ rules: [{ hostname: 'app.example.com', destination: 'http://[123]:8000', resolved_ip: '10.10.0.111' }, { hostname: 'www.example.com', destination: 'http://127.0.0.1:3000' }] }),
    '/home/svc/p/c.json': credentials(),
    '/home/svc/p/cert.pem': certificate(),
  });
  const running = `tunnel: ${ID}\ncredentials-file: /home/svc/p/c.json\ningress:\n  - hostname: app.example.com\n    service: http://10.10.0.111:8000\n  - hostname: www.example.com\n    service: http://127.0.0.1:3000\n  - service: http_status:404\n`;

  test('keeps its devices: a rule for the address that one had is one for the device', async () => {
    expect(await tunnelReport({ ...state(), '/home/svc/p/config.yml': running })).toMatchObject({
      id: ID, verdict: 'ready', domain: { name: 'example.com', from: '/home/svc/.config/portacode/cloudflare_tunnel.json' }, certificate: { from: '/home/svc/p/cert.pem' },
      rules: [{ rule: { hostname: 'app.example.com', destination: 'http://[123]:8000' } }, { rule: { hostname: 'www.example.com', destination: 'http://127.0.0.1:3000' } }],
    });
  });

  test('is taken from its list alone where its configuration is gone', async () => {
    expect(await tunnelReport(state())).toMatchObject({ rules: [{ rule: { destination: 'http://[123]:8000' } }, { rule: { destination: 'http://127.0.0.1:3000' } }] });
  });

  test('is nothing to take over where we wrote it ourselves', async () => {
    expect(await importReport(state({ managed_by: 'cloudflared-supervisor' }))).toMatchObject({ tunnels: [] });
  });
});
