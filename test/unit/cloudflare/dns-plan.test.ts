import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { namesToObserve, planDns, type DnsWanted } from '../../../src/cloudflare/dns-plan.js';
import { isOurs, isRival, leadsTo } from '../../../src/cloudflare/record-ownership.js';
import type { DnsRecord, LedgerEntry } from '../../../src/core/dns.js';
import { tunnelTarget } from '../../../src/core/tunnel.js';
import { applyPlan, makeEntry, makeRecord, observe, OTHER_ZONE, ZONE, type DnsWorld } from './dns-world.js';

const TUNNEL = '11111111-1111-4111-8111-111111111111';
const OLD_TUNNEL = '22222222-2222-4222-8222-222222222222';
const TARGET = tunnelTarget(TUNNEL);
const OLD_TARGET = tunnelTarget(OLD_TUNNEL);
const APP = 'app.example.com';

const wanted = (hostnames: readonly string[], more: Partial<DnsWanted> = {}): DnsWanted => ({ hostnames, zoneId: ZONE, domain: 'example.com', tunnelId: TUNNEL, joined: false, takeover: false, ...more });
const planIn = (world: DnsWorld, wish: DnsWanted) => planDns(wish, world.ledger, observe(world, namesToObserve(wish, world.ledger)));

describe('a plan of DNS records', () => {
  test('makes a record where there is none', () => {
    expect(planIn({ records: [], ledger: [] }, wanted([APP, APP]))).toMatchObject({ publish: [{ kind: 'create-record', hostname: APP, zoneId: ZONE, content: TARGET, via: 'api' }], withdraw: [], conflicts: [] });
  });

  test('neither looks nor changes where the ledger has it as wanted', () => {
    const record = makeRecord(APP, 'CNAME', TARGET);
    const ledger = [makeEntry(record)];
    expect(namesToObserve(wanted([APP]), ledger)).toEqual([]);
    expect(planIn({ records: [record], ledger }, wanted([APP]))).toEqual({ publish: [], withdraw: [], conflicts: [], warnings: [] });
  });

  describe('where a takeover was asked for', () => {
    const record = makeRecord(APP, 'CNAME', TARGET);
    const entry = makeEntry(record);
    const drifted = { ...record, content: 'elsewhere.example.net' };

    test('takes over what somebody made of a record that the ledger has as wanted', () => {
      const wish = wanted([APP], { takeover: true });
      expect(planIn({ records: [drifted], ledger: [entry] }, wish).publish).toEqual([{ kind: 'take-over-record', hostname: APP, zoneId: ZONE, content: TARGET, previous: [drifted], via: 'api', entry }]);
      expect(planIn({ records: [], ledger: [entry] }, wish).publish).toMatchObject([{ kind: 'create-record', hostname: APP }]);
    });

    test('changes nothing where the record is as it should be', () => {
      for (const there of [record, { ...record, id: 'another' }]) expect(planIn({ records: [there], ledger: [entry] }, wanted([APP], { takeover: true }))).toEqual({ publish: [], withdraw: [], conflicts: [], warnings: [] });
    });

    test('looks at no name that was not asked for', () => {
      expect(namesToObserve(wanted([APP], { takeover: true, asked: ['other.example.com'] }), [entry])).toEqual([]);
      expect(namesToObserve(wanted([APP], { takeover: true, asked: [APP] }), [entry])).toEqual([APP]);
      expect(namesToObserve(wanted([APP], { asked: [APP] }), [entry])).toEqual([]);
    });
  });

  test.each(['A', 'AAAA', 'CNAME', 'NS'])('shows a foreign %s as a conflict', (type) => {
    const record = makeRecord(APP, type, 'elsewhere.example.net');
    const plan = planIn({ records: [record], ledger: [] }, wanted([APP]));
    expect(plan).toMatchObject({ publish: [], conflicts: [{ hostname: APP, record }] });
  });

  test.each(['MX', 'TXT', 'CAA', 'SRV'])('leaves an %s at the name alone', (type) => {
    expect(planIn({ records: [makeRecord(APP, type, 'anything')], ledger: [] }, wanted([APP])).publish).toMatchObject([{ kind: 'create-record' }]);
  });

  test('leaves the name servers of the zone itself alone', () => {
    expect(planIn({ records: [makeRecord('example.com', 'NS', 'ns.example.net')], ledger: [] }, wanted(['example.com'])).publish).toMatchObject([{ kind: 'create-record' }]);
  });

  test('adopts a record that points at the tunnel already', () => {
    const record = makeRecord(APP, 'CNAME', `${TARGET.toUpperCase()}.`);
    expect(planIn({ records: [record], ledger: [] }, wanted([APP])).publish).toEqual([{ kind: 'adopt-record', hostname: APP, zoneId: ZONE, recordId: record.id, content: TARGET }]);
  });

  test('points our own record of the tunnel before at the new one', () => {
    const record = makeRecord(APP, 'CNAME', OLD_TARGET);
    const world = { records: [record], ledger: [makeEntry(record)] };
    expect(planIn(world, wanted([APP])).publish).toEqual([{ kind: 'update-record', hostname: APP, zoneId: ZONE, recordId: record.id, content: TARGET, previousContent: OLD_TARGET }]);
  });

  test('does not take a record for ours that somebody changed, or made anew', () => {
    const record = makeRecord(APP, 'CNAME', OLD_TARGET);
    const ledger = [makeEntry(record)];
    const changed = { ...record, content: 'elsewhere.example.net' };
    const renewed = { ...record, id: 'another' };
    for (const there of [changed, renewed]) expect(planIn({ records: [there], ledger }, wanted([APP])).conflicts).toEqual([{ hostname: APP, record: there }]);
  });

  test('takes every record of the name over when told to, and keeps them', () => {
    const records = [makeRecord(APP, 'A', '192.0.2.1'), makeRecord(APP, 'A', '192.0.2.2'), makeRecord(APP, 'TXT', 'mine')];
    expect(planIn({ records, ledger: [] }, wanted([APP], { takeover: true })).publish).toEqual([{ kind: 'take-over-record', hostname: APP, zoneId: ZONE, content: TARGET, previous: records.slice(0, 2), via: 'api' }]);
  });

  test('takes a name that is wanted again back from what is owed', () => {
    const record = makeRecord(APP, 'CNAME', TARGET);
    const entry = makeEntry(record, { removalOwed: true });
    expect(planIn({ records: [record], ledger: [entry] }, wanted([APP])).publish).toEqual([{ kind: 'adopt-record', hostname: APP, zoneId: ZONE, recordId: record.id, content: TARGET, entry }]);
  });

  test('withdraws what has no rule, in every zone, and what is owed not twice', () => {
    const gone = makeEntry(makeRecord('gone.example.com', 'CNAME', TARGET));
    const old = makeEntry(makeRecord('app.example.org', 'CNAME', OLD_TARGET, { zoneId: OTHER_ZONE }));
    const owed = makeEntry(makeRecord('owed.example.com', 'CNAME', TARGET), { removalOwed: true });
    const ledger = [gone, old, owed];
    expect(planIn({ records: [], ledger }, wanted([])).withdraw).toEqual([
      { kind: 'delete-record', hostname: gone.hostname, entry: gone },
      { kind: 'delete-record', hostname: old.hostname, entry: old },
    ]);
    expect(planIn({ records: [], ledger }, wanted([], { joined: true })).withdraw.map(({ kind }) => kind)).toEqual(['forget-record', 'forget-record']);
  });

  test('says that the record of a zone before is left, where the name is the same', () => {
    const old = makeRecord(APP, 'CNAME', OLD_TARGET, { zoneId: OTHER_ZONE });
    expect(planIn({ records: [old], ledger: [makeEntry(old)] }, wanted([APP]))).toMatchObject({ publish: [{ kind: 'create-record' }], withdraw: [], warnings: [{ code: 'DNS_RECORD_LEFT', hostname: APP }] });
  });

  test('has the server route the names where nothing can be read', () => {
    expect(planDns(wanted([APP]), [], 'unreadable')).toMatchObject({ publish: [{ kind: 'create-record', via: 'route-dns' }], warnings: [{ code: 'DNS_UNREADABLE' }] });
    expect(planDns(wanted([APP], { takeover: true }), [], 'unreadable').publish).toMatchObject([{ kind: 'take-over-record', previous: [], via: 'route-dns' }]);
    expect(planDns(wanted([]), [], 'unreadable').warnings).toEqual([]);
  });
});

const NAMES = ['example.com', 'a.example.com', 'b.example.com', '*.example.com', 'c.example.com'];
const recordOf = (name: string): fc.Arbitrary<DnsRecord> =>
  fc.record({ type: fc.constantFrom('A', 'AAAA', 'CNAME', 'CNAME', 'NS', 'MX', 'TXT'), content: fc.constantFrom(TARGET, OLD_TARGET, 'elsewhere.example.net', '192.0.2.1') }).map(({ type, content }) => makeRecord(name, type, content));

const isRivalThere = (record: DnsRecord): boolean => isRival(record, 'example.com');

/** As Cloudflare has them: a CNAME beside no other CNAME, A or AAAA, and NS but at the zone's own name. */
const recordsAt = (name: string): fc.Arbitrary<readonly DnsRecord[]> =>
  fc.array(recordOf(name), { maxLength: 3 }).map((records) => {
    const cname = records.find(({ type }) => type === 'CNAME');
    return cname === undefined ? records : records.filter((record) => record === cname || !isRivalThere(record));
  });

/** Any zone, and a ledger that is right, out of date, or of another zone. */
const worlds: fc.Arbitrary<DnsWorld> = fc
  .tuple(...NAMES.map((name) => fc.record({ records: recordsAt(name), state: fc.constantFrom('none', 'exact', 'stale', 'owed', 'elsewhere'), previous: fc.array(recordOf(name).filter(isRivalThere), { maxLength: 1 }) })))
  .map((names) => ({
    records: names.flatMap(({ records }) => records),
    ledger: names.flatMap(({ records, state, previous }, index): LedgerEntry[] => {
      const known = records.find(({ type }) => type === 'CNAME') ?? makeRecord(NAMES[index] ?? '', 'CNAME', TARGET);
      if (state === 'none') return [];
      if (state === 'stale') return [makeEntry({ ...known, content: OLD_TARGET, id: 'stale' }, { previous })];
      if (state === 'elsewhere') return [makeEntry({ ...known, zoneId: OTHER_ZONE }, { previous })];
      return [makeEntry(known, { previous, removalOwed: state === 'owed' })];
    }),
  }));
const wishes = fc.record({ hostnames: fc.subarray(NAMES), joined: fc.boolean(), takeover: fc.boolean() }).map(({ hostnames, ...more }) => wanted(hostnames, more));

describe('whatever the zone and the ledger hold', () => {
  const check = (holds: (world: DnsWorld, wish: DnsWanted) => void): void => fc.assert(fc.property(worlds, wishes, holds), { numRuns: 1_000 });

  test('only records that are still exactly ours change or go, unless a takeover was asked for', () => {
    check((world, wish) => {
      const after = applyPlan(world, planIn(world, wish)).records;
      const untouched = new Set(after.map((record) => JSON.stringify(record)));
      for (const record of world.records) {
        if (untouched.has(JSON.stringify(record))) continue;
        const isRecordOurs = world.ledger.some((entry) => entry.hostname === record.name && isOurs(record, entry));
        expect(isRivalThere(record)).toBe(true);
        if (!isRecordOurs) expect(wish.takeover && wish.hostnames.includes(record.name)).toBe(true);
      }
    });
  });

  test('every wanted name leads to the tunnel afterwards, is in the ledger as such, or is a conflict', () => {
    check((world, wish) => {
      const plan = planIn(world, wish);
      const after = applyPlan(world, plan);
      for (const hostname of wish.hostnames) {
        if (plan.conflicts.some((conflict) => conflict.hostname === hostname)) continue;
        expect(after.ledger.find((entry) => entry.hostname === hostname)).toMatchObject({ content: TARGET, zoneId: ZONE, removalOwed: false });
        const wasSettled = !namesToObserve(wish, world.ledger).includes(hostname);
        if (!wasSettled) expect(after.records.filter((record) => record.name === hostname && record.zoneId === ZONE && isRivalThere(record)).every((record) => leadsTo(record, TARGET))).toBe(true);
      }
    });
  });

  test('a plan that was carried out leaves nothing to do', () => {
    check((world, wish) => {
      const plan = planIn(world, wish);
      const again = planIn(applyPlan(world, plan), wish);
      expect(again.publish).toEqual([]);
      expect(again.withdraw).toEqual([]);
      expect(again.conflicts).toEqual(plan.conflicts);
    });
  });

  test('a machine that joined deletes nothing', () => {
    check((world, wish) => {
      const plan = planIn(world, { ...wish, joined: true, takeover: false });
      const after = applyPlan(world, plan).records;
      for (const record of world.records) expect(after.some(({ id }) => id === record.id)).toBe(true);
    });
  });

  test('what a takeover replaced comes back with the rule gone', () => {
    check((world, wish) => {
      const fresh = { ...world, ledger: [] };
      const taken = applyPlan(fresh, planIn(fresh, { ...wish, takeover: true, joined: false }));
      const back = applyPlan(taken, planIn(taken, wanted([])));
      const rest = (records: readonly DnsRecord[]) => records.filter((record) => !leadsTo(record, TARGET)).map(({ name, type, content }) => `${name} ${type} ${content}`).sort();
      expect(rest(back.records)).toEqual(rest(world.records));
      expect(back.ledger).toEqual([]);
    });
  });
});
