import type { Clock } from '../core/clock.js';
import type { DnsRecord } from '../core/dns.js';
import type { RecordsApi } from './records.js';

/** How long what was read is taken for what is there: as long as a plan takes to be carried out. */
export const FRESH_FOR_MS = 300_000;
/** Up to so many names are read one by one; for more, the first page of the zone is read before. */
const FEW_NAMES = 2;

/**
 * Reads what stands at the names: one request a name, or a listing where that needs fewer. The zone's size is known
 * only after its first page, so that much is spent to find out.
 */
export async function observeNames(records: RecordsApi, zoneId: string, names: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, readonly DnsRecord[]>> {
  const found = new Map<string, DnsRecord[]>(names.map((name) => [name, []]));
  if (names.length > FEW_NAMES) {
    let { items, totalPages } = await records.listPage(zoneId, 1, signal);
    const keep = (): void => {
      for (const record of items) found.get(record.name)?.push(record);
    };
    keep();
    if (totalPages - 1 <= names.length) {
      for (let page = 2; page <= totalPages; page += 1) {
        ({ items, totalPages } = await records.listPage(zoneId, page, signal));
        keep();
      }
      return found;
    }
  }
  for (const name of names) found.set(name, [...(await records.listAt(zoneId, name, signal))]);
  return found;
}

/** What was read of names not long ago, so that a plan and its steps read each name once. */
export interface Observations {
  put(zoneId: string, found: ReadonlyMap<string, readonly DnsRecord[]>): void;
  get(zoneId: string, hostname: string): readonly DnsRecord[] | undefined;
  /** After a change of this name, or where the change's outcome is not known. */
  forget(hostname: string): void;
}

export function createObservations(clock: Clock): Observations {
  const known = new Map<string, { readonly zoneId: string; readonly records: readonly DnsRecord[]; readonly atMs: number }>();
  const isFresh = (atMs: number): boolean => clock.monotonic() - atMs < FRESH_FOR_MS;
  return {
    put(zoneId, found) {
      for (const [hostname, { atMs }] of known) if (!isFresh(atMs)) known.delete(hostname);
      const atMs = clock.monotonic();
      for (const [hostname, records] of found) known.set(hostname, { zoneId, records, atMs });
    },
    get(zoneId, hostname) {
      const seen = known.get(hostname);
      return seen !== undefined && seen.zoneId === zoneId && isFresh(seen.atMs) ? seen.records : undefined;
    },
    forget: (hostname) => void known.delete(hostname),
  };
}
