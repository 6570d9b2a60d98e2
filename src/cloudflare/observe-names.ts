import type { DnsRecord } from '../core/dns.js';
import type { RecordsApi } from './records.js';

/** Up to so many names are read one by one; for more, the first page of the zone is read before. */
const FEW_NAMES = 2;

/**
 * Reads what stands at the names, for a plan: one request a name, or a listing where that needs fewer. The zone's size
 * is known only after its first page, so that much is spent to find out.
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
