import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/core/secret.js';
import { findZone } from '../../../src/setup/find-zone.js';
import type { CloudflareAccount, InstalledTunnel, Zone } from '../../../src/setup/ports.js';

const never = new AbortController().signal;
const zone = { id: 'zone-1', name: 'example.com' };
const notAsked = async (): Promise<never> => {
  throw new Error('not to be asked');
};
const accountWith = (answer: Zone | undefined): CloudflareAccount => ({
  certificate: { zoneId: 'zone-1', accountId: 'a', apiToken: new Secret('t'), endpoint: undefined },
  readZone: async () => answer,
  findTunnel: notAsked, readTunnel: notAsked, createTunnel: notAsked, fetchCredentials: notAsked, listConnectors: notAsked, deleteTunnel: notAsked,
});
const installedIn = (zoneId: string): InstalledTunnel => ({ identity: { id: 'x', name: 'x', accountId: 'a', zoneId, domain: 'known.example', madeByUs: true, joined: false }, certificate: undefined, credentials: undefined });

describe('the zone of a certificate', () => {
  test('is what Cloudflare says', async () => {
    expect(await findZone(accountWith(zone), undefined, installedIn('zone-1'), never)).toEqual(zone);
    expect(await findZone(accountWith(zone), 'Example.COM.', undefined, never)).toEqual(zone);
  });

  test('is the given one, else the one it had before, where Cloudflare does not say', async () => {
    expect(await findZone(accountWith(undefined), 'given.example', installedIn('zone-1'), never)).toEqual({ id: 'zone-1', name: 'given.example' });
    expect(await findZone(accountWith(undefined), undefined, installedIn('zone-1'), never)).toEqual({ id: 'zone-1', name: 'known.example' });
  });

  test('is asked for where nobody knows it', async () => {
    await expect(findZone(accountWith(undefined), undefined, installedIn('zone-2'), never)).rejects.toMatchObject({ code: 'ZONE_FORBIDDEN', hint: expect.stringContaining('--domain') as string });
  });

  test('is refused where the given one is another, or no name', async () => {
    await expect(findZone(accountWith(zone), 'example.net', undefined, never)).rejects.toMatchObject({ code: 'OPTION_INVALID' });
    for (const name of ['', 'example', 'a..b', '*.example.com', 'exämple.com', `${'a'.repeat(64)}.com`]) {
      await expect(findZone(accountWith(undefined), name, undefined, never)).rejects.toMatchObject({ code: 'OPTION_INVALID' });
    }
  });
});
