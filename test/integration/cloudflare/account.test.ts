import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '../../../src/core/secret.js';
import { ALL_RIGHTS } from '../../../src/sandbox/world/api-tokens.js';
import { never, startApiWorld, type ApiWorld } from './api-world.js';

const secret = new Secret(Buffer.alloc(32, 7).toString('base64'));

let world: ApiWorld;
beforeAll(async () => {
  world = await startApiWorld({ accounts: [{ name: 'One', zones: ['example.com', 'example.net'] }, { name: 'Two', zones: ['example.org'] }] });
});
afterAll(async () => {
  await world.close();
});
afterEach(() => {
  world.sandbox.faults.api.remove();
  world.sandbox.world.tokens.setRights(ALL_RIGHTS);
});

describe('the account of a certificate', () => {
  test('knows its zone, also where it may only list', async () => {
    const { account } = world.issue('example.net');
    expect(await account.readZone(never)).toMatchObject({ name: 'example.net' });
    world.sandbox.faults.api.add({ fault: { kind: 'status', status: 403 }, method: 'GET', path: 'zones/*', times: 1 });
    expect(await account.readZone(never)).toMatchObject({ name: 'example.net' });
  });

  test('says that it may not read the zone', async () => {
    world.sandbox.world.tokens.setRights({ zoneRead: false });
    expect(await world.issue().account.readZone(never)).toBeUndefined();
  });

  test('makes a tunnel with our secret, finds it by its name alone, and deletes it', async () => {
    const { account, certificate } = world.issue();
    const made = await account.createTunnel('web', secret, never);
    if (made.kind !== 'created') throw new Error(made.kind);
    await account.createTunnel('web-2', secret, never);
    expect(await account.findTunnel('web', never)).toEqual(expect.objectContaining(made.tunnel));
    expect(await account.findTunnel('we', never)).toBeUndefined();
    expect(await world.issue('example.org').account.findTunnel('web', never)).toBeUndefined();

    const credentials = await account.fetchCredentials(made.tunnel.id, never);
    expect(credentials).toMatchObject({ accountTag: certificate.accountId, tunnelId: made.tunnel.id, endpoint: '' });
    expect(credentials.tunnelSecret.reveal()).toBe(secret.reveal());
    expect(await account.listConnectors(made.tunnel.id, never)).toEqual([]);

    await account.deleteTunnel(made.tunnel.id, never);
    await account.deleteTunnel(made.tunnel.id, never);
    expect(await account.findTunnel('web', never)).toBeUndefined();
    expect(await account.listConnectors(made.tunnel.id, never)).toEqual([]);
  });

  test('tells a taken name from a lost answer', async () => {
    const { account } = world.issue();
    await account.createTunnel('taken', secret, never);
    expect(await account.createTunnel('taken', secret, never)).toEqual({ kind: 'name-taken' });

    for (const kind of ['cut-off', 'truncate'] as const) {
      world.sandbox.faults.api.add({ fault: { kind }, method: 'POST', times: 1 });
      expect(await account.createTunnel(`lost-${kind}`, secret, never)).toMatchObject({ kind: 'answer-lost' });
      expect(await account.findTunnel(`lost-${kind}`, never)).toBeDefined();
    }
    world.requests();
    world.sandbox.faults.api.add({ fault: { kind: 'status', status: 502 }, method: 'POST', times: 1 });
    expect(await account.createTunnel('unsure', secret, never)).toMatchObject({ kind: 'answer-lost' });
    expect(world.requests()).toHaveLength(1);
  });

  test('tries a create again that surely was not carried out', async () => {
    const { account } = world.issue();
    world.sandbox.faults.api.add({ fault: { kind: 'status', status: 429, retryAfterS: 3 }, method: 'POST', times: 2 });
    expect(await account.createTunnel('patient', secret, never)).toMatchObject({ kind: 'created' });
  });

  test('that is refused says that the certificate is', async () => {
    const { account } = world.issue();
    world.sandbox.world.tokens.setRights({ tunnels: false });
    await expect(account.findTunnel('x', never)).rejects.toMatchObject({ code: 'ORIGIN_CERT_REFUSED' });
    await expect(account.createTunnel('x', secret, never)).rejects.toMatchObject({ code: 'ORIGIN_CERT_REFUSED' });
    world.sandbox.world.tokens.revokeAll();
    await expect(account.readZone(never)).rejects.toMatchObject({ code: 'ORIGIN_CERT_REFUSED' });
    await expect(account.findTunnel('x', never)).rejects.toMatchObject({ code: 'ORIGIN_CERT_REFUSED' });
  });

  test('of a certificate that is none is never opened', () => {
    expect(() => world.openAccount(new Secret('nothing'))).toThrow(expect.objectContaining({ code: 'ORIGIN_CERT_INVALID' }));
  });
});
