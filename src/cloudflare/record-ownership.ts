import type { DnsRecord, LedgerEntry } from '../core/dns.js';

/** For people who look into the dashboard. Nothing is decided by it. */
export const RECORD_COMMENT = 'cloudflared-supervisor';

const RIVAL_TYPES = new Set(['A', 'AAAA', 'CNAME']);

/**
 * A record that cannot stand beside our CNAME. MX, TXT and the rest can, and are left alone; so can the name servers of the
 * zone itself. Without the zone's domain a delegation is not told from them, and left alone too.
 */
export const isRival = ({ type, name }: DnsRecord, domain: string | undefined): boolean => RIVAL_TYPES.has(type) || (type === 'NS' && domain !== undefined && name !== domain);

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
