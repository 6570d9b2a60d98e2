import { beforeEach, expect, test } from 'vitest';

import { DnsRecords } from '../../../src/sandbox/world/dns-records.js';
import { lookUpHost } from '../../../src/sandbox/world/host-lookup.js';
import { Zones, type Zone } from '../../../src/sandbox/world/zones.js';

const TUNNEL = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
const OTHER = '6ba7b811-9dad-11d1-80b4-00c04fd430c8';
const target = (id: string): string => `${id}.cfargotunnel.com`;

let zone: Zone;
let records: DnsRecords;
beforeEach(() => {
  [zone] = new Zones([{ name: 'A', zones: ['example.com'] }], () => 0).all() as [Zone];
  records = new DnsRecords(() => 0);
});

const add = (name: string, content: string, proxied = true, type = 'CNAME'): void => {
  records.create(zone, { type, name, content, ...(type === 'TXT' ? {} : { proxied }) });
};
const tunnel = (tunnelId: string): unknown => ({ kind: 'tunnel', tunnelId });

test('a name leads to its tunnel, the name itself before the wildcard, a wildcard one label deep', () => {
  add('app', target(TUNNEL));
  add('*', target(OTHER));
  expect(lookUpHost(records, 'app.example.com')).toEqual(tunnel(TUNNEL));
  expect(lookUpHost(records, 'www.example.com')).toEqual(tunnel(OTHER));
  expect(lookUpHost(records, 'a.b.example.com')).toEqual({ kind: 'none' });
  expect(lookUpHost(records, 'example.com')).toEqual({ kind: 'none' });
  expect(lookUpHost(records, 'com')).toEqual({ kind: 'none' });
});

test('a name with records of its own has no wildcard', () => {
  add('*', target(TUNNEL));
  add('mail', 'x', false, 'TXT');
  expect(lookUpHost(records, 'mail.example.com')).toEqual({ kind: 'none' });
});

test('only a proxied record leads to the edge', () => {
  add('app', target(TUNNEL), false);
  add('web', '192.0.2.1', true, 'A');
  expect(lookUpHost(records, 'app.example.com')).toEqual({ kind: 'elsewhere' });
  expect(lookUpHost(records, 'web.example.com')).toEqual({ kind: 'elsewhere' });
});

test('a CNAME to another name of the zone is followed; a ring leads nowhere', () => {
  add('www', 'app.example.com');
  add('app', target(TUNNEL));
  add('ring', 'back.example.com');
  add('back', 'ring.example.com');
  add('out', 'elsewhere.example.net');
  expect(lookUpHost(records, 'www.example.com')).toEqual(tunnel(TUNNEL));
  expect(lookUpHost(records, 'ring.example.com')).toEqual({ kind: 'elsewhere' });
  expect(lookUpHost(records, 'out.example.com')).toEqual({ kind: 'elsewhere' });
});
