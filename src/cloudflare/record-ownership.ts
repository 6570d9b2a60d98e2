import type { DnsRecord, LedgerEntry } from '../core/dns.js';

/** For people who look into the dashboard. Nothing is decided by it. */
export const RECORD_COMMENT = 'cloudflared-supervisor';

const RIVAL_TYPES = new Set(['A', 'AAAA', 'CNAME']);

/** A type that cannot stand beside our CNAME. MX, TXT and the rest can, and are left alone. */
export const isRival = (record: DnsRecord): boolean => RIVAL_TYPES.has(record.type);

/** Names are ASCII and lower case, but whoever made the record may have written a final dot. */
export const sameContent = (a: string, b: string): boolean => normalize(a) === normalize(b);

const normalize = (content: string): string => content.toLowerCase().replace(/\.$/, '');

export const leadsTo = (record: DnsRecord, target: string): boolean => record.type === 'CNAME' && sameContent(record.content, target);

/** Still exactly what the ledger says we made: the same record with the same content. */
export const isOurs = (record: DnsRecord, entry: LedgerEntry): boolean =>
  record.zoneId === entry.zoneId && leadsTo(record, entry.content) && (entry.recordId === undefined || record.id === entry.recordId);

/** The same thing said again, whatever its id: records that were given back have new ones. */
export const isSameRecord = (a: DnsRecord, b: DnsRecord): boolean => a.type === b.type && sameContent(a.content, b.content);

/** For messages. */
export const describeRecords = (records: readonly DnsRecord[]): string => records.map((record) => `${record.type} ${record.content}`).join(', ');
