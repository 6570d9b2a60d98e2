import { describe, expect, test } from 'vitest';

import { ApiTokens, toOriginCert } from '../../../src/sandbox/world/api-tokens.js';
import { Refusal, type RefusalName, REFUSALS } from '../../../src/sandbox/world/refusals.js';
import { Tunnels, toTunnelToken } from '../../../src/sandbox/world/tunnels.js';
import { Zones } from '../../../src/sandbox/world/zones.js';

const SECRET = Buffer.alloc(32, 7).toString('base64');

function nameOf(act: () => unknown): RefusalName | undefined {
  try {
    act();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return (Object.keys(REFUSALS) as RefusalName[]).find((name) => REFUSALS[name].message === error.problems[0]?.message);
  }
  return undefined;
}

describe('tunnels', () => {
  test('a name is taken as long as its tunnel is not deleted, in its account', () => {
    const tunnels = new Tunnels(() => 5);
    const first = tunnels.create('a', 'home', SECRET);
    expect(nameOf(() => tunnels.create('a', 'home'))).toBe('TUNNEL_NAME_TAKEN');
    expect(nameOf(() => tunnels.create('b', 'home'))).toBeUndefined();
    tunnels.delete(first.id);
    expect(nameOf(() => tunnels.create('a', 'home'))).toBeUndefined();
    expect(tunnels.get(first.id)).toMatchObject({ deletedAt: 5 });
    expect(nameOf(() => tunnels.need(first.id, 'a'))).toBe('TUNNEL_UNKNOWN');
  });

  test('refuses no name and a short secret, and makes a secret where there is none', () => {
    const tunnels = new Tunnels(() => 0);
    expect(nameOf(() => tunnels.create('a', ' '))).toBe('TUNNEL_NAME_MISSING');
    expect(nameOf(() => tunnels.create('a', 'x', 'c2hvcnQ='))).toBe('TUNNEL_SECRET_INVALID');
    expect(tunnels.create('a', 'x').secret).toHaveLength(32);
    expect(tunnels.list('a')).toHaveLength(1);
  });

  test('lets in who has account and secret of a tunnel that exists', () => {
    const tunnels = new Tunnels(() => 0);
    const { id } = tunnels.create('a', 'x', SECRET);
    const claim = { tunnelId: id, accountTag: 'a', tunnelSecret: Buffer.from(SECRET, 'base64') };
    expect(tunnels.reasonToRefuse(claim)).toBeUndefined();
    expect(tunnels.reasonToRefuse({ ...claim, accountTag: 'b' })).toMatch(/^Unauthorized/u);
    expect(tunnels.reasonToRefuse({ ...claim, tunnelSecret: Buffer.alloc(32) })).toMatch(/^Unauthorized/u);
    expect(tunnels.reasonToRefuse({ ...claim, tunnelSecret: Buffer.alloc(3) })).toMatch(/^Unauthorized/u);
    tunnels.delete(id);
    expect(tunnels.reasonToRefuse(claim)).toMatch(/^Unauthorized/u);
  });

  test('the token holds what a credentials file holds', () => {
    const tunnel = new Tunnels(() => 0).create('a', 'x', SECRET);
    expect(JSON.parse(Buffer.from(toTunnelToken(tunnel), 'base64').toString())).toEqual({ a: 'a', t: tunnel.id, s: SECRET });
  });
});

describe('zones and tokens', () => {
  test('a zone is found by name, however written, or id; the first without either', () => {
    const zones = new Zones([{ name: 'A', zones: ['Example.com'] }, { name: 'B', zones: ['bücher.example'] }], () => 0);
    expect(zones.find()?.name).toBe('example.com');
    expect(zones.find('EXAMPLE.com')).toBe(zones.all()[0]);
    expect(zones.find('bücher.example')).toBe(zones.all()[1]);
    expect(zones.find(zones.all()[1]?.id)).toBe(zones.all()[1]);
    expect(zones.find('example.net')).toBeUndefined();
  });

  test.each([[[]], [['nodots']], [['a..b']], [['example.com', 'EXAMPLE.com']]])('zones %j are refused', (names) => {
    expect(() => new Zones([{ name: 'A', zones: names }], () => 0)).toThrow(TypeError);
  });

  test('an origin certificate names zone, account and token', () => {
    const zone = new Zones([{ name: 'A', zones: ['example.com'] }], () => 0).all()[0];
    if (zone === undefined) throw new Error('no zone');
    const tokens = new ApiTokens();
    const token = tokens.issue(zone);
    const [, base64 = ''] = /^-----BEGIN ARGO TUNNEL TOKEN-----\n([^-]+)\n-----END ARGO TUNNEL TOKEN-----\n$/u.exec(toOriginCert(token)) ?? [];
    expect(JSON.parse(Buffer.from(base64, 'base64').toString())).toEqual({ zoneID: zone.id, accountID: zone.account.id, apiToken: token.value });
    expect(tokens.get(token.value)).toBe(token);
    tokens.revokeAll();
    expect(tokens.get(token.value)).toBeUndefined();
  });
});
