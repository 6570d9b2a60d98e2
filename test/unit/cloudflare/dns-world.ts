import type { DnsChange, DnsPlan, DnsRecord, LedgerEntry } from '../../../src/core/dns.js';
import { isOurs, isRival } from '../../../src/cloudflare/record-ownership.js';

/** A zone and a ledger as values, and what the changes of a plan make of them. */
export interface DnsWorld {
  readonly records: readonly DnsRecord[];
  readonly ledger: readonly LedgerEntry[];
}

export const ZONE = 'zone-1';
export const OTHER_ZONE = 'zone-0';

let lastId = 0;
export const makeRecord = (name: string, type: string, content: string, more: Partial<DnsRecord> = {}): DnsRecord => {
  lastId += 1;
  return { id: `record-${lastId}`, zoneId: ZONE, name, type, content, proxied: true, ttl: 1, comment: '', ...more };
};

export const makeEntry = (record: DnsRecord, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  hostname: record.name, zoneId: record.zoneId, recordId: record.id, content: record.content, createdAt: '2026-01-01T00:00:00.000Z', previous: [], adopted: false, removalOwed: false, ...more,
});

export const observe = (world: DnsWorld, names: readonly string[]): ReadonlyMap<string, readonly DnsRecord[]> =>
  new Map(names.map((name) => [name, world.records.filter((record) => record.name === name && record.zoneId === ZONE)]));

export const applyPlan = (world: DnsWorld, plan: DnsPlan): DnsWorld => [...plan.publish, ...plan.withdraw].reduce(applyChange, world);

function applyChange(world: DnsWorld, change: DnsChange): DnsWorld {
  const others = world.ledger.filter((entry) => entry.hostname !== change.hostname);
  const known = world.ledger.find((entry) => entry.hostname === change.hostname);
  switch (change.kind) {
    case 'create-record': {
      const record = makeRecord(change.hostname, 'CNAME', change.content);
      return { records: [...world.records, record], ledger: [...others, makeEntry(record)] };
    }
    case 'update-record': {
      const records = world.records.map((record) => (record.id === change.recordId ? { ...record, content: change.content } : record));
      return { records, ledger: known === undefined ? others : [...others, { ...known, content: change.content, removalOwed: false }] };
    }
    case 'take-over-record': {
      const gone = new Set(change.previous.map(({ id }) => id));
      const record = makeRecord(change.hostname, 'CNAME', change.content);
      return { records: [...world.records.filter(({ id }) => !gone.has(id)), record], ledger: [...others, makeEntry(record, { previous: change.previous })] };
    }
    case 'adopt-record': {
      const record = world.records.find(({ id }) => id === change.recordId);
      return record === undefined ? world : { ...world, ledger: [...others, makeEntry(record, { adopted: known !== undefined && isOurs(record, known) ? known.adopted : true, previous: known?.previous ?? [] })] };
    }
    case 'delete-record': {
      const ours = world.records.filter((record) => isRival(record, 'example.com') && isOurs(record, change.entry));
      return { records: [...world.records.filter((record) => !ours.includes(record)), ...change.entry.previous], ledger: others };
    }
    case 'forget-record':
  }
  return { ...world, ledger: others };
}
