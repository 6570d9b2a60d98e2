import { toIso } from '../core/clock.js';
import type { DnsChange, LedgerEntry } from '../core/dns.js';
import { entryOf, type RecordContext } from './record-context.js';

/**
 * The record that this change made, as the ledger has it; made up where the change was cut off before it wrote.
 * Undefined where it made none that we know of: the name led here before, or `route dns` refused it. One whose answer
 * was lost is not told from those, and stays too: rather a record that leads nowhere than somebody's that is removed.
 */
export function entryMadeBy(context: RecordContext, change: Extract<DnsChange, { readonly kind: 'create-record' | 'take-over-record' }>): LedgerEntry | undefined {
  const { hostname, zoneId, content, entry } = change;
  const known = entryOf(context, hostname, zoneId);
  const isOwed = known?.removalOwed === true && known.content === content;
  // Still owed: the change was cut off before it wrote. The plan saw no record of ours there, so that what leads here now
  // is this change's, whatever id the one that is owed had.
  if (known?.content === content && !(isOwed && change.via === 'api')) {
    const wasOwed = entry?.zoneId === zoneId && entry.content === content;
    return known.adopted && !wasOwed ? undefined : known;
  }
  if (change.via === 'route-dns') return undefined;
  return {
    hostname, zoneId, content,
    recordId: undefined,
    createdAt: known?.createdAt ?? toIso(context.clock.now()),
    previous: change.kind === 'take-over-record' ? change.previous : isOwed ? known.previous : [],
    adopted: false,
    removalOwed: false,
  };
}
