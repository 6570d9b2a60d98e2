import type { HostTarget } from '../edge/ports.js';
import type { DnsRecords, StoredRecord } from './dns-records.js';

const TUNNEL_TARGET = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.cfargotunnel\.com$/u;
/** A CNAME may lead to another name of the zone; a ring of them leads nowhere. */
const HOPS_MAX = 8;
const VISITOR_TYPES: ReadonlySet<string> = new Set(['A', 'AAAA', 'CNAME']);

/** Where a visitor's name leads. `hostname` is lower case, ASCII, without port and final dot. */
export function lookUpHost(records: DnsRecords, hostname: string): HostTarget {
  let name = hostname;
  for (let hop = 0; hop < HOPS_MAX; hop += 1) {
    const found = recordsFor(records, name).filter((record) => VISITOR_TYPES.has(record.type));
    const cname = found.find((record) => record.type === 'CNAME');
    if (cname === undefined) return found.length > 0 || hop > 0 ? { kind: 'elsewhere' } : { kind: 'none' };
    // Only a proxied record brings the visitor to Cloudflare; unproxied, the tunnel's name has no address.
    if (!cname.proxied) return { kind: 'elsewhere' };
    const tunnelId = TUNNEL_TARGET.exec(cname.content)?.[1];
    if (tunnelId !== undefined) return { kind: 'tunnel', tunnelId };
    name = cname.content;
  }
  return { kind: 'elsewhere' };
}

/** The records of the very name; else of the wildcard beside it. A name that has any record of its own has no wildcard. */
function recordsFor(records: DnsRecords, name: string): readonly StoredRecord[] {
  const exact = records.named(name);
  if (exact.length > 0) return exact;
  return records.named(`*.${name.slice(name.indexOf('.') + 1)}`);
}
