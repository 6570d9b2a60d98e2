import type { DnsRecord, LedgerEntry, Warning } from '../core/dns.js';
import { isExistingRecord } from './cloudflare-error.js';
import type { ZoneAccess } from './ports.js';
import { readRivals, settleName, tryEdit, type RecordContext } from './record-context.js';
import { draftOf } from './records.js';
import { describeRecords, isOurs, isSameRecord } from './record-ownership.js';

/**
 * Removes the record if it is still exactly ours, and gives back what a takeover replaced. What somebody else changed
 * stays. Where the token does not allow it, the removal is owed and the warning names the record.
 */
export async function withdrawRecord(context: RecordContext, entry: LedgerEntry, signal: AbortSignal): Promise<readonly Warning[]> {
  const { hostname } = entry;
  const access = await context.openZone(entry.zoneId);
  if (access === undefined) return leave(context, entry, 'there is no certificate for its zone any more');
  const rivals = await readRivals(access, hostname, signal);
  if (rivals === undefined) return leave(context, entry, 'the certificate does not let us read DNS records');

  const ours = rivals.filter((record) => isOurs(record, entry));
  const others = rivals.filter((record) => !ours.includes(record));
  const strangers = others.filter((record) => !entry.previous.some((known) => isSameRecord(known, record)));
  if (strangers.length > 0) {
    // A record that kept ours from being made: there is nothing of ours to speak of.
    if (context.ledger.get(hostname) === undefined && entry.previous.length === 0) return [];
    await forgetEntry(context, entry);
    return [{ code: 'DNS_RECORD_CHANGED', hostname, message: `The record of ${hostname} was changed by somebody else (${describeRecords(strangers)}) and stays.` }];
  }
  const missing = entry.previous.filter((known) => !others.some((record) => isSameRecord(known, record)));
  const edited = await tryEdit(context, access, () => giveBack(access, ours, missing, signal));
  if (edited === undefined) return leave(context, entry, 'the certificate does not let us edit DNS records');
  await forgetEntry(context, entry);
  if (ours.length > 0) context.emit('dns.removed', { hostname });
  for (const { type, content } of missing) context.emit('dns.restored', { hostname, type, content });
  return [];
}

async function giveBack(access: ZoneAccess, ours: readonly DnsRecord[], missing: readonly DnsRecord[], signal: AbortSignal): Promise<void> {
  const { records } = access.client;
  const [own] = ours;
  const [first] = missing;
  if (own !== undefined && ours.length === 1 && first?.type === 'CNAME') {
    await records.update(access.zoneId, own.id, draftOf(first), signal);
    return;
  }
  for (const record of ours) await records.delete(access.zoneId, record.id, signal);
  for (const record of missing) {
    try {
      await records.create(access.zoneId, draftOf(record), signal);
    } catch (thrown) {
      // Made by a try whose answer was lost, or by somebody who was faster: either way there is one.
      if (!isExistingRecord(thrown)) throw thrown;
    }
  }
}

async function leave(context: RecordContext, entry: LedgerEntry, why: string): Promise<readonly Warning[]> {
  settleName(context, entry.hostname);
  if (context.ledger.get(entry.hostname)?.removalOwed !== true) await context.ledger.put({ ...entry, removalOwed: true });
  return [{ code: 'DNS_RECORD_LEFT', hostname: entry.hostname, message: `The DNS record of ${entry.hostname} (CNAME ${entry.content}) could not be removed: ${why}.` }];
}

/** Unless the name has another record of ours by now. */
async function forgetEntry(context: RecordContext, entry: LedgerEntry): Promise<void> {
  const known = context.ledger.get(entry.hostname);
  if (known !== undefined && known.zoneId === entry.zoneId && known.content === entry.content) await context.ledger.remove(entry.hostname);
  settleName(context, entry.hostname);
}
