import * as fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';

import { DnsRecords } from '../../../src/sandbox/world/dns-records.js';
import type { RecordDraft } from '../../../src/sandbox/world/record-draft.js';
import { Refusal } from '../../../src/sandbox/world/refusals.js';
import { Zones, type Zone } from '../../../src/sandbox/world/zones.js';

let zone: Zone;
let other: Zone;
let records: DnsRecords;
beforeEach(() => {
  const zones = new Zones([{ name: 'A', zones: ['example.com', 'example.org'] }], () => 0);
  [zone, other] = zones.all() as [Zone, Zone];
  records = new DnsRecords(() => 0);
});

/** The code of the refusal, or of the reason chained to it. */
function codeOf(act: () => unknown): number | undefined {
  try {
    act();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const [problem] = error.problems;
    return problem?.error_chain?.[0]?.code ?? problem?.code;
  }
  return undefined;
}

const A: RecordDraft = { type: 'A', name: 'app.example.com', content: '192.0.2.1' };
const CNAME: RecordDraft = { type: 'CNAME', name: 'app.example.com', content: 'x.cfargotunnel.com', proxied: true };

describe('names', () => {
  test.each([
    ['app', 'app.example.com'],
    ['@', 'example.com'],
    ['example.com.', 'example.com'],
    ['APP.Example.COM', 'app.example.com'],
    ['*', '*.example.com'],
    ['*.a.example.com', '*.a.example.com'],
    ['598', '598.example.com'],
    ['bücher', 'xn--bcher-kva.example.com'],
    ['app.other.org', 'app.other.org.example.com'],
    ['_dmarc', '_dmarc.example.com'],
  ])('%s becomes %s', (typed, name) => {
    expect(records.create(zone, { type: 'TXT', name: typed, content: 'x' }).name).toBe(name);
  });

  test.each(['', 'a..b', '-a', 'a.*.b', 'a b', 'a'.repeat(64)])('refuses %j', (typed) => {
    expect(codeOf(() => records.create(zone, { type: 'TXT', name: typed, content: 'x' }))).toBe(9000);
  });
});

describe('fields', () => {
  test.each<[string, RecordDraft, number]>([
    ['a type that is none', { ...A, type: 'XYZ' }, 9001],
    ['an address that is none', { ...A, content: 'app' }, 9005],
    ['an IPv4 address as AAAA', { ...A, type: 'AAAA' }, 9006],
    ['a target that is no name', { ...CNAME, content: 'a b' }, 9007],
    ['a CNAME to itself', { ...CNAME, content: 'app.example.com' }, 9039],
    ['a proxied TXT', { type: 'TXT', name: 'a', content: 'x', proxied: true }, 9004],
    ['a TTL of 5', { ...A, ttl: 5 }, 9021],
    ['a long comment', { ...A, comment: 'x'.repeat(101) }, 9313],
    ['an MX without priority', { type: 'MX', name: 'a', content: 'mail.example.com' }, 9022],
  ])('refuses %s', (_what, draft, code) => {
    expect(codeOf(() => records.create(zone, draft))).toBe(code);
    expect(records.list()).toEqual([]);
  });

  test('a proxied record has an automatic TTL', () => {
    expect(records.create(zone, { ...CNAME, ttl: 300 }).ttl).toBe(1);
  });
});

describe('conflicts', () => {
  test.each<[string, RecordDraft, RecordDraft, number | undefined]>([
    ['CNAME beside A', A, CNAME, 81053],
    ['CNAME beside another CNAME', CNAME, { ...CNAME, content: 'y.cfargotunnel.com' }, 81053],
    ['A beside CNAME', CNAME, A, 81054],
    ['the same A twice', A, A, 81058],
    ['A beside NS', { ...A, type: 'NS', content: 'ns.example.net' }, A, 81056],
    ['a second A', A, { ...A, content: '192.0.2.2' }, undefined],
    ['TXT beside CNAME', CNAME, { ...A, type: 'TXT', content: 'x' }, undefined],
    ['another name', A, { ...CNAME, name: 'www' }, undefined],
  ])('%s', (_what, first, second, code) => {
    records.create(zone, first);
    expect(codeOf(() => records.create(zone, second))).toBe(code);
  });

  test('a record does not stand in its own way', () => {
    const { id } = records.create(zone, CNAME);
    expect(records.replace(zone, id, { ...CNAME, content: 'y.cfargotunnel.com' })).toMatchObject({ id, content: 'y.cfargotunnel.com' });
    expect(records.patch(zone, id, { comment: 'ours' })).toMatchObject({ id, comment: 'ours', content: 'y.cfargotunnel.com' });
    expect(records.patch(zone, id, { comment: null })).toMatchObject({ comment: null });
  });

  test('a record of another zone cannot be reached', () => {
    const { id } = records.create(zone, A);
    expect(codeOf(() => records.delete(other, id))).toBe(81044);
    expect(records.named('app.example.com')).toHaveLength(1);
  });
});

test('a batch is all or nothing', () => {
  const kept = records.create(zone, A);
  const attempt = (): unknown => records.atomically(() => {
    records.delete(zone, kept.id);
    records.create(zone, { ...A, name: 'new' });
    records.create(zone, { ...A, content: 'wrong' });
  });
  expect(attempt).toThrow(Refusal);
  expect(records.list()).toEqual([kept]);
  expect(records.named('app.example.com')).toEqual([kept]);
  expect(records.named('new.example.com')).toEqual([]);
});

test('whatever is done, no name has a CNAME beside an address, and names find exactly the records', () => {
  const draft = fc.record({
    type: fc.constantFrom('A', 'CNAME', 'TXT'), name: fc.constantFrom('a', 'b', '*'), content: fc.constantFrom('192.0.2.1', '192.0.2.2'), proxied: fc.constant(false),
  });
  const step = fc.record({ act: fc.constantFrom('create', 'replace', 'delete', 'batch'), draft, index: fc.nat(5) });
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const store = new DnsRecords(() => 0);
    for (const { act, draft: wanted, index } of steps) {
      const id = store.list()[index]?.id ?? 'none';
      codeOf(() => {
        if (act === 'create') return store.create(zone, wanted);
        if (act === 'replace') return store.replace(zone, id, wanted);
        if (act === 'delete') return store.delete(zone, id);
        return store.atomically(() => [store.create(zone, wanted), store.replace(zone, id, wanted)]);
      });
    }
    const names = new Set(store.list().map(({ name }) => name));
    for (const name of names) {
      const there = store.list().filter((record) => record.name === name);
      expect(new Set(store.named(name))).toEqual(new Set(there));
      const hosts = there.filter(({ type }) => type !== 'TXT');
      if (hosts.some(({ type }) => type === 'CNAME')) expect(hosts).toHaveLength(1);
    }
  }));
});
