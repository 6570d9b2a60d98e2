import type { DnsChange, LedgerEntry, Warning } from '../core/dns.js';
import { entryMadeBy } from './entry-made-by.js';
import { createCname, takeOverRecord } from './publish-record.js';
import { entryOf, needZone, readRivals, tryEdit, type RecordContext } from './record-context.js';
import { isOurs, leadsTo } from './record-ownership.js';
import { withdrawRecord } from './withdraw-record.js';

type Of<K extends DnsChange['kind']> = Extract<DnsChange, { readonly kind: K }>;

/** One by kind: a kind that is missing here does not compile. */
const UNDOS: { readonly [K in DnsChange['kind']]: (context: RecordContext, change: Of<K>, signal: AbortSignal) => Promise<readonly Warning[]> } = {
  'create-record': unpublish,
  'take-over-record': unpublish,
  'update-record': pointBack,
  'adopt-record': letGo,
  'delete-record': (context, change, signal) => putBack(context, change.entry, signal),
  'forget-record': remember,
};

/** Takes one change back, whether it was carried out, partly or not at all: what is there decides. */
export function undoChange(context: RecordContext, change: DnsChange, signal: AbortSignal): Promise<readonly Warning[]> {
  const undo = UNDOS[change.kind] as (context: RecordContext, change: DnsChange, signal: AbortSignal) => Promise<readonly Warning[]>;
  return undo(context, change, signal);
}

async function remember(context: RecordContext, change: Of<'forget-record'>): Promise<readonly Warning[]> {
  await context.ledger.put(change.entry);
  return [];
}

async function unpublish(context: RecordContext, change: Of<'create-record' | 'take-over-record'>, signal: AbortSignal): Promise<readonly Warning[]> {
  const made = entryMadeBy(context, change);
  if (made !== undefined) return withdrawRecord(context, made, signal);
  await restoreEntry(context, change);
  return [];
}

/** The ledger says again what it said before. */
async function restoreEntry(context: RecordContext, { hostname, entry }: Of<'create-record' | 'take-over-record' | 'adopt-record'>): Promise<void> {
  if (entry === undefined) await context.ledger.remove(hostname);
  else await context.ledger.put(entry);
}

async function pointBack(context: RecordContext, change: Of<'update-record'>, signal: AbortSignal): Promise<readonly Warning[]> {
  const { hostname, zoneId, recordId, content, previousContent } = change;
  const access = await needZone(context, zoneId);
  const rivals = await readRivals(access, hostname, signal);
  const current = rivals?.length === 1 ? rivals[0] : undefined;
  if (current !== undefined && current.id === recordId && leadsTo(current, content)) {
    const edited = await tryEdit(context, access, () => access.client.records.update(zoneId, recordId, { content: previousContent }, signal));
    if (edited === undefined) return left(hostname, content);
  } else if (rivals === undefined) {
    return left(hostname, content);
  }
  const known = entryOf(context, hostname, zoneId);
  if (known !== undefined) await context.ledger.put({ ...known, content: previousContent });
  return [];
}

/**
 * The record stays, and the ledger says again what it said: nothing, that it is owed, or that it led elsewhere. Only
 * where it was gone, so that we made another, that one goes.
 */
async function letGo(context: RecordContext, change: Of<'adopt-record'>, signal: AbortSignal): Promise<readonly Warning[]> {
  const { hostname, zoneId } = change;
  const known = entryOf(context, hostname, zoneId);
  if (known !== undefined && isMadeInstead(known, change)) {
    const warnings = await withdrawRecord(context, known, signal);
    if (context.ledger.get(hostname) !== undefined) return warnings; // could not be removed: it is owed
  }
  await restoreEntry(context, change);
  return [];
}

const isMadeInstead = (known: LedgerEntry, { content, recordId }: Of<'adopt-record'>): boolean =>
  known.content === content && known.recordId !== recordId && !known.adopted && !known.removalOwed;

async function putBack(context: RecordContext, entry: LedgerEntry, signal: AbortSignal): Promise<readonly Warning[]> {
  const { hostname, zoneId, content, previous } = entry;
  const access = await needZone(context, zoneId);
  const rivals = await readRivals(access, hostname, signal);
  if (rivals === undefined) return left(hostname, content);
  if (rivals.some((record) => isOurs(record, entry))) {
    await context.ledger.put({ ...entry, removalOwed: false });
    return [];
  }
  if (rivals.length > 0) return takeOverRecord(context, { kind: 'take-over-record', hostname, zoneId, content, previous, via: 'api' }, signal);
  const created = await tryEdit(context, access, () => createCname(access, hostname, content, signal));
  if (created === undefined) return left(hostname, content);
  await context.ledger.put({ ...entry, recordId: created.done.id, removalOwed: false });
  return [];
}

const left = (hostname: string, content: string): readonly Warning[] => [
  { code: 'DNS_RECORD_LEFT', hostname, message: `The DNS record of ${hostname} could not be set back from ${content}: the certificate does not allow it.` },
];
