import { toIso } from '../core/clock.js';
import type { DnsChange, DnsRecord, LedgerEntry, Warning } from '../core/dns.js';
import { SupervisorError } from '../core/errors.js';
import { isExistingRecord } from './cloudflare-error.js';
import type { ZoneAccess } from './ports.js';
import { entryOf, needZone, readRivals, settleName, toDnsError, tryEdit, type RecordContext } from './record-context.js';
import { describeRecords, isOurs, isRival, isSameRecord, leadsTo, RECORD_COMMENT } from './record-ownership.js';
import { draftOf, type RecordDraft } from './records.js';
import { routeName } from './route-name.js';

type Of<K extends DnsChange['kind']> = Extract<DnsChange, { readonly kind: K }>;

/** What makes names lead to our tunnel. Each can be carried out again: what is done already is found and kept. */

export async function createRecord(context: RecordContext, change: Of<'create-record'>, signal: AbortSignal): Promise<readonly Warning[]> {
  const { hostname, content } = change;
  const access = await needZone(context, change.zoneId);
  if (change.via === 'route-dns') return routeName(context, access, { hostname, content, overwrite: false, previous: [] }, signal);
  const created = await tryEdit(context, access, () => createCname(access, hostname, content, signal));
  if (created === undefined) return routeName(context, access, { hostname, content, overwrite: false, previous: [] }, signal);
  await remember(context, change, { recordId: created.done.id });
  context.emit('dns.created', { hostname, content });
  return [];
}

/** What was there in the plan may be gone: a check of drift removes what is owed. */
export async function adoptRecord(context: RecordContext, change: Of<'adopt-record'>, signal: AbortSignal): Promise<readonly Warning[]> {
  const { hostname, zoneId, content } = change;
  const access = await needZone(context, zoneId);
  const rivals = await readRivals(access, hostname, signal);
  const [only, ...others] = rivals ?? [];
  if (only === undefined) return createRecord(context, { kind: 'create-record', hostname, zoneId, content, via: rivals === undefined ? 'route-dns' : 'api' }, signal);
  if (others.length > 0 || !leadsTo(only, content)) throw changedMeanwhile(hostname, [only, ...others]);
  const known = entryOf(context, hostname, zoneId);
  await remember(context, change, { recordId: only.id, adopted: known !== undefined && isOurs(only, known) ? known.adopted : true });
  return [];
}

export async function updateRecord(context: RecordContext, change: Of<'update-record'>, signal: AbortSignal): Promise<readonly Warning[]> {
  const { hostname, content, recordId } = change;
  const access = await needZone(context, change.zoneId);
  const rivals = await readRivals(access, hostname, signal);
  const current = rivals?.length === 1 ? rivals[0] : undefined;
  const isDone = current !== undefined && leadsTo(current, content);
  if (!isDone) {
    if (current === undefined || current.id !== recordId || !leadsTo(current, change.previousContent)) throw changedMeanwhile(hostname, rivals ?? []);
    const updated = await tryEdit(context, access, () => access.client.records.update(access.zoneId, recordId, cnameTo(hostname, content), signal));
    // It was read just now and is ours: replacing it is what was asked.
    if (updated === undefined) return routeName(context, access, { hostname, content, overwrite: true, previous: entryOf(context, hostname, access.zoneId)?.previous ?? [] }, signal);
  }
  await remember(context, change, { recordId });
  context.emit('dns.updated', { hostname, content });
  return [];
}

export async function takeOverRecord(context: RecordContext, change: Of<'take-over-record'>, signal: AbortSignal): Promise<readonly Warning[]> {
  const { hostname, content, previous } = change;
  const access = await needZone(context, change.zoneId);
  const byRoute = (): Promise<readonly Warning[]> => routeName(context, access, { hostname, content, overwrite: true, previous }, signal);
  if (change.via === 'route-dns') return byRoute();
  const rivals = await readRivals(access, hostname, signal);
  if (rivals === undefined) return byRoute();
  let ours = rivals.length === 1 ? rivals.find((record) => leadsTo(record, content)) : undefined;
  if (ours === undefined) {
    // Only what the plan showed may go: a record that came since is somebody's.
    const strangers = rivals.filter((record) => !previous.some((known) => isSameRecord(known, record)));
    if (strangers.length > 0) throw changedMeanwhile(hostname, strangers);
    const replaced = await tryEdit(context, access, () => replaceRecords(access, rivals, cnameTo(hostname, content), signal));
    if (replaced === undefined) return byRoute();
    ours = replaced.done;
  }
  await remember(context, change, { recordId: ours.id, previous });
  context.emit('dns.taken-over', {
    hostname, content,
    previousType: previous.map((record) => record.type).join(', '), previousContent: previous.map((record) => record.content).join(', '),
  });
  return [];
}

/** Makes one record out of others. A CNAME is changed in place; A and AAAA must go first, and come back if that fails. */
async function replaceRecords(access: ZoneAccess, rivals: readonly DnsRecord[], draft: RecordDraft, signal: AbortSignal): Promise<DnsRecord> {
  const { records } = access.client;
  const [only, ...others] = rivals;
  if (only !== undefined && others.length === 0 && only.type === 'CNAME') return records.update(access.zoneId, only.id, draft, signal);
  const gone: DnsRecord[] = [];
  try {
    for (const record of rivals) {
      await records.delete(access.zoneId, record.id, signal);
      gone.push(record);
    }
    return await createCname(access, draft.name, draft.content, signal);
  } catch (thrown) {
    if (!signal.aborted) for (const record of gone) await records.create(access.zoneId, draftOf(record), signal);
    throw thrown;
  }
}

/** Creates the record, or finds the one that an earlier try made whose answer was lost. */
export async function createCname(access: ZoneAccess, hostname: string, content: string, signal: AbortSignal): Promise<DnsRecord> {
  const { records } = access.client;
  try {
    const record = await records.create(access.zoneId, cnameTo(hostname, content), signal);
    if (record.name === hostname) return record;
    // A name outside the zone gets the zone appended, and the answer says success.
    await records.delete(access.zoneId, record.id, signal);
    throw new SupervisorError('DNS_MISROUTED', `Cloudflare made a record for ${record.name} when asked for ${hostname}; it was removed again.`);
  } catch (thrown) {
    if (!isExistingRecord(thrown)) throw thrown;
    const rivals = (await records.listAt(access.zoneId, hostname, signal)).filter((record) => isRival(record, access.domain));
    const own = rivals.length === 1 ? rivals.find((record) => leadsTo(record, content)) : undefined;
    if (own !== undefined) return own;
    if (rivals.length === 0) throw toDnsError(thrown, hostname);
    throw changedMeanwhile(hostname, rivals);
  }
}

export const cnameTo = (hostname: string, content: string): RecordDraft => ({ name: hostname, type: 'CNAME', content, proxied: true, ttl: 1, comment: RECORD_COMMENT });

function changedMeanwhile(hostname: string, records: readonly DnsRecord[]): SupervisorError {
  return new SupervisorError('DNS_CONFLICT', `${hostname} has DNS records that are not ours (${describeRecords(records) || 'none that can be read'}).`);
}

type Remembered = Pick<LedgerEntry, 'recordId'> & Partial<Pick<LedgerEntry, 'adopted' | 'previous'>>;

async function remember(context: RecordContext, change: { readonly hostname: string; readonly zoneId: string; readonly content: string }, facts: Remembered): Promise<void> {
  const { hostname, zoneId, content } = change;
  const known = entryOf(context, hostname, zoneId);
  await context.ledger.put({
    hostname, zoneId, content,
    createdAt: known?.createdAt ?? toIso(context.clock.now()),
    previous: known?.previous ?? [],
    adopted: false,
    removalOwed: false,
    ...facts,
  });
  settleName(context, hostname);
}
