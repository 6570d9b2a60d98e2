import { expect, test } from 'vitest';
import type { CloudflareDnsRecords } from '../../../src/cloudflare/dns-records.js';
import type { Revision } from '../../../src/core/revision.js';
import type { TunnelIdentity } from '../../../src/core/tunnel.js';
import { withUnmanagedZones } from '../../../src/daemon/unmanaged-dns.js';

const tunnel: TunnelIdentity = { id: 't', name: 't', accountId: 'a', zoneId: '', domain: 'example.com', madeByUs: false, joined: false };
const planned = { publish: [], withdraw: [], conflicts: [], warnings: [] };
const asked: unknown[] = [];
const dns = { plan: async (wanted: unknown) => (asked.push(wanted), planned), stateOf: (name: string) => (name === 'known' ? 'created' : 'none') } as unknown as CloudflareDnsRecords;
const wanted = (hostnames: readonly string[], zoneId: string) => ({ hostnames, zoneId, tunnelId: 't', domain: 'example.com', joined: false, takeover: false });
const revision = (tunnelId: string): Revision => ({ revision: 1, createdAt: '', reason: 'user', tunnelId, domain: 'example.com', rules: [{ rule: { hostname: 'a', destination: 'http://x' }, status: 'live' }], setAside: [], addresses: [], configHash: '' });

test('without a zone nothing is asked or changed, and new names are told once', async () => {
  const unmanaged = withUnmanagedZones(dns, { tunnel: () => tunnel, current: () => revision('t') });
  expect(await unmanaged.plan(wanted(['a'], ''))).toEqual(planned);
  expect(await unmanaged.plan(wanted(['a', 'b'], ''))).toMatchObject({ publish: [], warnings: [{ code: 'DNS_UNMANAGED', message: expect.stringMatching(/records of b are .* CNAME to t\.cfargotunnel\.com/) as string }] });
  expect(asked).toEqual([]);
  expect([unmanaged.stateOf('a'), unmanaged.stateOf('known')]).toEqual(['unmanaged', 'created']);
});

test('names that were published through another tunnel are new to this one', async () => {
  const unmanaged = withUnmanagedZones(dns, { tunnel: () => tunnel, current: () => revision('other') });
  expect((await unmanaged.plan(wanted(['a'], ''))).warnings).toHaveLength(1);
});

test('with a zone everything is as it was', async () => {
  const managed = withUnmanagedZones(dns, { tunnel: () => ({ ...tunnel, zoneId: 'z' }), current: () => undefined });
  await managed.plan(wanted(['a'], 'z'));
  expect(asked).toHaveLength(1);
  expect(managed.stateOf('a')).toBe('none');
});
