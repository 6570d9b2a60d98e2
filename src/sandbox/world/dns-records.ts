import { newHexId } from './ids.js';
import { parseRecord, type RecordChanges, type RecordDraft, type RecordFields } from './record-draft.js';
import { refusal } from './refusals.js';
import type { Zone } from './zones.js';

export interface StoredRecord extends RecordFields {
  readonly id: string;
  readonly zone: Zone;
  readonly createdAt: number;
  readonly modifiedAt: number;
}

const HOST_TYPES: ReadonlySet<string> = new Set(['A', 'AAAA', 'CNAME']);
const ADDRESS_TYPES: ReadonlySet<string> = new Set(['A', 'AAAA']);

/** The DNS records of all zones, with Cloudflare's rules of what may stand beside what. */
export class DnsRecords {
  #byId = new Map<string, StoredRecord>();
  /** Names are unique over the zones of a sandbox, since a zone is in one account only. */
  readonly #byName = new Map<string, ReadonlySet<string>>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Oldest first. */
  list(zoneId?: string): readonly StoredRecord[] {
    const records = [...this.#byId.values()];
    return zoneId === undefined ? records : records.filter((record) => record.zone.id === zoneId);
  }

  named(name: string): readonly StoredRecord[] {
    return [...(this.#byName.get(name) ?? [])].flatMap((id) => this.#byId.get(id) ?? []);
  }

  /** Throws RECORD_UNKNOWN. */
  need(zone: Zone, id: string): StoredRecord {
    const record = this.#byId.get(id);
    if (record === undefined || record.zone.id !== zone.id) throw refusal('RECORD_UNKNOWN');
    return record;
  }

  create(zone: Zone, draft: RecordDraft): StoredRecord {
    const fields = parseRecord(draft, zone.name);
    this.#refuseConflict(zone, fields, undefined);
    const at = this.#now();
    return this.#put({ ...fields, id: newHexId(), zone, createdAt: at, modifiedAt: at });
  }

  /** The whole record anew; its id stays. */
  replace(zone: Zone, id: string, draft: RecordDraft): StoredRecord {
    const old = this.need(zone, id);
    const fields = parseRecord(draft, zone.name);
    this.#refuseConflict(zone, fields, id);
    this.#forgetName(old);
    return this.#put({ ...fields, id, zone, createdAt: old.createdAt, modifiedAt: this.#now() });
  }

  /** Only what is given; the rest stays. */
  patch(zone: Zone, id: string, changes: RecordChanges): StoredRecord {
    const old = this.need(zone, id);
    const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
    return this.replace(zone, id, { ...old, ...given });
  }

  delete(zone: Zone, id: string): StoredRecord {
    const record = this.need(zone, id);
    this.#forgetName(record);
    this.#byId.delete(id);
    return record;
  }

  /** Runs several changes as one: when one throws, none has happened. */
  atomically<T>(changes: () => T): T {
    const before = new Map(this.#byId);
    try {
      return changes();
    } catch (error) {
      this.#byId = before;
      this.#byName.clear();
      for (const record of before.values()) this.#rememberName(record);
      throw error;
    }
  }

  #put(record: StoredRecord): StoredRecord {
    this.#byId.set(record.id, record);
    this.#rememberName(record);
    return record;
  }

  #rememberName({ name, id }: StoredRecord): void {
    this.#byName.set(name, new Set([...(this.#byName.get(name) ?? []), id]));
  }

  #forgetName({ name, id }: StoredRecord): void {
    const left = new Set([...(this.#byName.get(name) ?? [])].filter((other) => other !== id));
    if (left.size === 0) this.#byName.delete(name);
    else this.#byName.set(name, left);
  }

  #refuseConflict(zone: Zone, wanted: RecordFields, ownId: string | undefined): void {
    const there = this.named(wanted.name).filter((record) => record.id !== ownId);
    if (there.some((record) => record.type === wanted.type && record.content === wanted.content)) throw refusal('RECORD_IDENTICAL');
    if (wanted.type === 'CNAME' && there.some((record) => HOST_TYPES.has(record.type))) throw refusal('RECORD_HOST_TAKEN');
    if (ADDRESS_TYPES.has(wanted.type) && there.some((record) => record.type === 'CNAME')) throw refusal('RECORD_CNAME_THERE');
    if (HOST_TYPES.has(wanted.type) && wanted.name !== zone.name && there.some((record) => record.type === 'NS')) throw refusal('RECORD_NS_THERE');
  }
}
