import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

import { invalidRecord } from './refusals.js';

/** A record as somebody asks for it: nothing checked, names as they were typed. */
export interface RecordDraft {
  readonly type: string;
  readonly name: string;
  readonly content: string;
  readonly proxied?: boolean | undefined;
  readonly ttl?: number | undefined;
  readonly comment?: string | null | undefined;
  readonly priority?: number | undefined;
  readonly tags?: readonly string[] | undefined;
}

/** What of a record is to be another; what is undefined stays. */
export type RecordChanges = { readonly [K in keyof RecordDraft]?: RecordDraft[K] | undefined };

/** A record that Cloudflare would take, normalized. */
export interface RecordFields {
  readonly type: string;
  /** Lower case, ASCII, the zone's name at the end; `*` can only be the first label. */
  readonly name: string;
  readonly content: string;
  readonly proxied: boolean;
  /** Seconds; 1 is automatic, and what a proxied record has. */
  readonly ttl: number;
  readonly comment: string | null;
  readonly priority: number | undefined;
  readonly tags: readonly string[];
}

const RECORD_TYPES: ReadonlySet<string> = new Set([
  'A', 'AAAA', 'CAA', 'CERT', 'CNAME', 'DNSKEY', 'DS', 'HTTPS', 'LOC', 'MX', 'NAPTR', 'NS', 'OPENPGPKEY', 'PTR', 'SMIMEA', 'SRV', 'SSHFP',
  'SVCB', 'TLSA', 'TXT', 'URI',
]);
const PROXIABLE_TYPES: ReadonlySet<string> = new Set(['A', 'AAAA', 'CNAME']);
/** On Cloudflare's free plan. */
const COMMENT_MAX_LENGTH = 100;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/u;

export const isProxiable = (type: string): boolean => PROXIABLE_TYPES.has(type);

/** Throws the refusal that the first wrong field gets. */
export function parseRecord(draft: RecordDraft, zoneName: string): RecordFields {
  const type = draft.type.toUpperCase();
  if (!RECORD_TYPES.has(type)) throw invalidRecord(9001, `Invalid type "${draft.type}".`);
  const name = toRecordName(draft.name, zoneName);
  const proxied = draft.proxied ?? false;
  if (proxied && !isProxiable(type)) throw invalidRecord(9004, 'This record type cannot be proxied.');
  const comment = draft.comment ?? null;
  if (comment !== null && comment.length > COMMENT_MAX_LENGTH) throw invalidRecord(9313, `Comment is longer than ${COMMENT_MAX_LENGTH} characters.`);
  if (type === 'MX' && draft.priority === undefined) throw invalidRecord(9022, 'MX record needs a priority.');
  return {
    type,
    name,
    content: toContent(type, draft.content, name),
    proxied,
    ttl: proxied ? 1 : toTtl(draft.ttl ?? 1),
    comment: comment === '' ? null : comment,
    priority: draft.priority,
    tags: draft.tags ?? [],
  };
}

/** `@` is the zone; a name that does not end in the zone's gets it appended, which is how a wrong zone goes unnoticed. */
export function toRecordName(typed: string, zoneName: string): string {
  const trimmed = typed.trim().replace(/\.$/u, '');
  if (trimmed === '@') return zoneName;
  const ascii = domainToASCII(trimmed);
  const inZone = ascii === zoneName || ascii.endsWith(`.${zoneName}`);
  // The suffix comes before the conversion: a lone number would be read as an address.
  const name = inZone ? ascii : domainToASCII(`${trimmed}.${zoneName}`);
  const labels = name.replace(/^\*\./u, '').split('.');
  if (name.length > 253 || !labels.every((label) => LABEL.test(label))) throw invalidRecord(9000, 'DNS name is invalid.');
  return name;
}

function toContent(type: string, typed: string, name: string): string {
  const content = typed.trim();
  if (content === '') throw invalidRecord(9020, `Content for ${type} record is missing.`);
  if (type === 'A' && !isIPv4(content)) throw invalidRecord(9005, 'Content for A record must be a valid IPv4 address.');
  if (type === 'AAAA' && !isIPv6(content)) throw invalidRecord(9006, 'Content for AAAA record must be a valid IPv6 address.');
  if (type !== 'CNAME') return content;
  const target = domainToASCII(content.replace(/\.$/u, ''));
  if (target === '' || !target.split('.').every((label) => LABEL.test(label))) throw invalidRecord(9007, 'Content for CNAME record is invalid.');
  if (target === name) throw invalidRecord(9039, 'CNAME content cannot reference itself.');
  return target;
}

function toTtl(ttl: number): number {
  if (ttl !== 1 && !(Number.isInteger(ttl) && ttl >= 60 && ttl <= 86_400)) {
    throw invalidRecord(9021, 'Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.');
  }
  return ttl;
}
