import type { LedgerEntry } from '../core/dns.js';
import type { CloudflareClient } from './client.js';

/** The ledger on disk (state/). Reads are from memory; a write is on disk when it resolves. */
export interface DnsLedger {
  list(): readonly LedgerEntry[];
  /** The same object until it is replaced. */
  get(hostname: string): LedgerEntry | undefined;
  /** Adds or replaces the entry of this hostname. */
  put(entry: LedgerEntry): Promise<void>;
  remove(hostname: string): Promise<void>;
}

/**
 * `cloudflared tunnel route dns`, by UUID, with the certificate of one zone. Resolves with the name that the server
 * says it routed, which the caller compares, and whether it led to the tunnel before. Asks once. Rejects with
 * DNS_CONFLICT, DNS_FORBIDDEN or DNS_FAILED; with CLOUDFLARE_THROTTLED or CLOUDFLARE_UNREACHABLE where asking again may help.
 */
export type RouteDns = (
  request: { readonly tunnelId: string; readonly hostname: string; readonly overwrite: boolean },
  signal: AbortSignal,
) => Promise<{ readonly hostname: string; readonly ledHereBefore: boolean }>;

/** One zone, with the certificate that opens it. */
export interface ZoneAccess {
  readonly zoneId: string;
  /** Undefined where only the certificate is left: nothing is routed in such a zone. */
  readonly domain: string | undefined;
  readonly client: CloudflareClient;
  readonly routeDns: RouteDns;
}

/** Finds the certificate of a zone: staged, in use, or retired. Undefined where we have none any more. */
export type OpenZone = (zoneId: string) => Promise<ZoneAccess | undefined>;
