import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SupervisorError } from '../../../src/core/errors.js';
import { Secret } from '../../../src/core/secret.js';
import { startSetupHarness, type SetupHarness } from './setup-harness.js';

let harness: SetupHarness;
beforeEach(async () => {
  harness = await startSetupHarness({ accounts: [{ name: 'One', zones: ['example.com', 'example.net'] }, { name: 'Two', zones: ['example.org'] }] });
});
afterEach(async () => {
  await harness.close();
});

const typesOf = (): readonly string[] => harness.events.map(({ type }) => type);
const eventsOf = (type: string): readonly unknown[] => harness.events.flatMap((event) => (event.type === type ? [event.data] : []));

/** A login that a person never completes. */
const forEver = (signal: AbortSignal, onUrl: (url: string) => void): Promise<never> => {
  onUrl('https://dash.cloudflare.com/argotunnel?aud=&callback=waiting');
  return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
};

describe('a setup', () => {
  test('goes through its steps, tells each, and leaves what is needed and nothing else', async () => {
    const session = harness.createSession();
    const { joined, outcome } = session.start({});
    expect(joined).toBe(false);
    const result = await outcome;
    await session.settled();

    expect(result).toMatchObject({ tunnel: { name: 'supervisor-host-a1b2c3', domain: 'example.com', madeByUs: true, joined: false }, tunnelExisted: false, revision: 1 });
    expect(typesOf().filter((type) => type !== 'setup.step-completed')).toEqual([
      'setup.step-started', 'setup.step-started', 'login.url-issued', 'setup.step-waiting', 'login.completed', 'setup.step-started', 'setup.step-started', 'setup.step-started', 'setup.completed',
    ]);
    expect(eventsOf('setup.step-completed')).toMatchObject([{ step: 'find-binary' }, { step: 'log-in' }, { step: 'find-zone', detail: 'example.com' }, { step: 'create-tunnel' }, { step: 'publish' }]);
    expect(session.status()).toMatchObject({ state: 'completed' });
    expect(await harness.files()).toEqual([`${result.tunnel.id}.json`, 'cert.pem', 'tunnel.json'].sort());
    expect((await harness.installed())?.credentials?.tunnelId).toBe(result.tunnel.id);
    expect(await harness.unfinished()).toEqual([]);
  });

  test('asks each thing once', async () => {
    await harness.createSession().start({ name: 'web' }).outcome;
    expect(harness.requests()).toEqual(['GET zones/*', 'GET accounts/*/cfd_tunnel', 'POST accounts/*/cfd_tunnel']);
  });

  test('takes a certificate brought by hand, and asks no person', async () => {
    harness.login = forEver;
    const result = await harness.createSession().start({ certificate: harness.issue('example.net').pem }).outcome;
    expect(result.tunnel.domain).toBe('example.net');
    expect(eventsOf('login.url-issued')).toEqual([]);
  });

  test('refuses a certificate that is none, and a name that is none, before anything begins', () => {
    const session = harness.createSession();
    expect(() => session.start({ certificate: new Secret('nothing') })).toThrow(expect.objectContaining({ code: 'ORIGIN_CERT_INVALID' }));
    expect(() => session.start({ name: '\n' })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
    expect(harness.events).toEqual([]);
  });

  test('puts no secret into events and journals', async () => {
    let journal: unknown;
    harness.beforePublish = async () => {
      journal = await harness.unfinished();
    };
    await harness.createSession().start({ certificate: harness.issue().pem }).outcome;
    const installed = await harness.installed();
    const said = JSON.stringify([harness.events, journal]);
    expect(JSON.stringify(journal)).toContain('create-tunnel');
    for (const secret of [installed?.certificate?.reveal(), installed?.credentials?.tunnelSecret.reveal()]) expect(said).not.toContain(secret);
  });

  test('fails with its step, and leaves nothing, when the login gives rubbish', async () => {
    harness.login = async () => ({ kind: 'certificate', pem: new Secret('rubbish') });
    await expect(harness.createSession().start({}).outcome).rejects.toMatchObject({ code: 'LOGIN_FAILED' });
    expect(eventsOf('setup.failed')).toMatchObject([{ step: 'log-in', error: { code: 'LOGIN_FAILED' } }]);
    expect(await harness.files()).toEqual([]);
  });

  test('fails where the token is not accepted, or the zone cannot be read', async () => {
    harness.sandbox.world.tokens.setRights({ zoneRead: false });
    await expect(harness.createSession().start({}).outcome).rejects.toMatchObject({ code: 'ZONE_FORBIDDEN' });
    expect((await harness.createSession().start({ domain: 'example.com' }).outcome).tunnel.domain).toBe('example.com');
    harness.sandbox.world.tokens.setRights({ zoneRead: true, tunnels: false });
    await expect(harness.createSession().start({ name: 'other' }).outcome).rejects.toMatchObject({ code: 'ORIGIN_CERT_REFUSED' });
    expect(harness.tunnels()).toEqual(['supervisor-host-a1b2c3']);
  });

  test('deletes the tunnel that it made when publishing fails, and says why', async () => {
    harness.beforePublish = async () => {
      throw new SupervisorError('CONNECTOR_NOT_READY', 'The connector was not ready.');
    };
    await expect(harness.createSession().start({}).outcome).rejects.toMatchObject({ code: 'CONNECTOR_NOT_READY' });
    expect(harness.tunnels()).toEqual([]);
    expect(await harness.files()).toEqual([]);
    expect(eventsOf('setup.failed')).toMatchObject([{ step: 'publish' }]);
  });

  test('does not delete a tunnel that was there before', async () => {
    harness.sandbox.world.tunnels.create(harness.issue().certificate.accountId, 'web');
    harness.beforePublish = async () => {
      throw new SupervisorError('CONNECTOR_NOT_READY', 'The connector was not ready.');
    };
    await expect(harness.createSession().start({ name: 'web' }).outcome).rejects.toMatchObject({ code: 'CONNECTOR_NOT_READY' });
    expect(harness.tunnels()).toEqual(['web']);
  });
});

describe('one setup at a time', () => {
  test('a second with the same parameters joins the first, and others are refused', async () => {
    harness.login = forEver;
    const session = harness.createSession();
    const issued = harness.when('login.url-issued');
    const first = session.start({ name: 'web' });
    const { url } = await issued;
    const second = session.start({ name: 'web', timeoutMs: 5_000 });
    expect(second).toMatchObject({ joined: true });
    expect(second.outcome).toBe(first.outcome);
    expect(session.status()).toMatchObject({ state: 'waiting', loginUrl: url });
    expect(() => session.start({ name: 'other' })).toThrow(expect.objectContaining({ code: 'SETUP_IN_PROGRESS' }));
    expect(await session.cancel()).toBe(true);
    await expect(first.outcome).rejects.toMatchObject({ code: 'SETUP_CANCELLED' });
    expect(session.status()).toMatchObject({ state: 'cancelled' });
    expect(await session.cancel()).toBe(false);
    expect(await harness.files()).toEqual([]);
    expect(await harness.unfinished()).toEqual([]);
  });

  test('what served before is untouched by a cancelled one', async () => {
    const session = harness.createSession();
    await session.start({}).outcome;
    await session.settled();
    const [before, files] = [await harness.installed(), await harness.files()];

    harness.login = forEver;
    const issued = harness.when('login.url-issued');
    session.start({});
    await issued;
    expect(await harness.installed()).toEqual(before);
    expect(await session.cancel()).toBe(true);
    expect([await harness.installed(), await harness.files()]).toEqual([before, files]);
    expect(harness.tunnels()).toEqual(['supervisor-host-a1b2c3']);
  });

  test('one that is cancelled while it publishes takes the tunnel back', async () => {
    const publishing = new Promise<void>((entered) => {
      harness.beforePublish = (_request, signal) => {
        entered();
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
      };
    });
    const session = harness.createSession();
    session.start({});
    await publishing;
    expect(harness.tunnels()).toHaveLength(1);
    expect(await session.cancel()).toBe(true);
    expect(harness.tunnels()).toEqual([]);
  });
});

describe('a tunnel of that name', () => {
  test('is used, and its credentials are fetched again', async () => {
    const { account } = harness.issue();
    const secret = new Secret(Buffer.alloc(32, 9).toString('base64'));
    await account.createTunnel('web', secret, new AbortController().signal);
    const result = await harness.createSession().start({ name: 'web' }).outcome;
    expect(result).toMatchObject({ tunnelExisted: true, tunnel: { madeByUs: false, joined: false } });
    expect((await harness.installed())?.credentials?.tunnelSecret.reveal()).toBe(secret.reveal());
  });

  test('that we made stays ours at the second login', async () => {
    const session = harness.createSession();
    const first = await session.start({}).outcome;
    const second = await session.start({}).outcome;
    expect(second).toMatchObject({ tunnelExisted: true, tunnel: { id: first.tunnel.id, madeByUs: true } });
    await session.settled();
    expect(harness.tunnels()).toHaveLength(1);
  });

  test('that others are connected to is refused, unless this machine joins, or they are ours', async () => {
    harness.sandbox.world.tunnels.create(harness.issue().certificate.accountId, 'web');
    const { openAccount } = harness.ports;
    const crowded = { openAccount: ((pem) => ({ ...openAccount(pem), listConnectors: async () => [{ id: 'theirs', originIp: '192.0.2.9', version: undefined }] })) satisfies typeof openAccount };
    await expect(harness.createSession(crowded).start({ name: 'web' }).outcome).rejects.toMatchObject({ code: 'TUNNEL_IN_USE', message: expect.stringContaining('192.0.2.9') as string });
    expect(await harness.files()).toEqual([]);
    expect(await harness.createSession({ ...crowded, knownConnectors: async () => ['theirs'] }).start({ name: 'web' }).outcome).toMatchObject({ tunnel: { joined: false } });
    expect(await harness.createSession(crowded).start({ name: 'web', join: true }).outcome).toMatchObject({ tunnel: { joined: true } });
  });

  test('can be joined, and one that is not there cannot', async () => {
    await expect(harness.createSession().start({ name: 'web', join: true }).outcome).rejects.toMatchObject({ code: 'TUNNEL_FAILED' });
    harness.sandbox.world.tunnels.create(harness.issue().certificate.accountId, 'web');
    expect(await harness.createSession().start({ name: 'web', join: true }).outcome).toMatchObject({ tunnel: { joined: true, madeByUs: false } });
  });

  test.each(['cut-off', 'truncate'] as const)('whose answer was lost (%s) is adopted, and no second one is made', async (kind) => {
    harness.sandbox.faults.api.add({ fault: { kind }, method: 'POST', times: 1 });
    const result = await harness.createSession().start({}).outcome;
    expect(result).toMatchObject({ tunnelExisted: false, tunnel: { madeByUs: true } });
    expect(harness.tunnels()).toHaveLength(1);
  });

  test.each([{ kind: 'status', status: 502 }, { kind: 'refuse' }, { kind: 'status', status: 429, retryAfterS: 7 }] as const)('is made all the same after %o', async (fault) => {
    harness.sandbox.faults.api.add({ fault, method: 'POST', times: 2 });
    expect(await harness.createSession().start({}).outcome).toMatchObject({ tunnelExisted: false });
    expect(harness.tunnels()).toHaveLength(1);
  });

  test('is taken back too where Cloudflare never says that it made it', async () => {
    // Made, and its answers lost, until the setup gives up: the undo finds it by its secret.
    harness.sandbox.faults.api.add({ fault: { kind: 'cut-off' }, method: 'POST', times: 1 });
    harness.sandbox.faults.api.add({ fault: { kind: 'html' }, method: 'GET', path: 'accounts/*/cfd_tunnel', after: 1, times: 1 });
    await expect(harness.createSession().start({}).outcome).rejects.toMatchObject({ code: 'CLOUDFLARE_UNEXPECTED' });
    expect(harness.tunnels()).toEqual([]);
  });
});
