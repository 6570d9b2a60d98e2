/** Types of what we know, plan and remember of DNS records; the deciding is in cloudflare/dns-plan.ts. */

export interface DnsRecord {
  readonly id: string;
  readonly zoneId: string;
  /** Lower case, ASCII, no final dot. */
  readonly name: string;
  /** `CNAME`, `A`, `AAAA`, `MX`, … */
  readonly type: string;
  readonly content: string;
  readonly proxied: boolean;
  /** Seconds; 1 is automatic. */
  readonly ttl: number;
  readonly comment: string;
}

/** A record we made or took over. */
export interface LedgerEntry {
  readonly hostname: string;
  readonly zoneId: string;
  /** Unknown where `route dns` made it and the token cannot read it back. */
  readonly recordId: string | undefined;
  readonly content: string;
  readonly createdAt: string;
  /** What stood there before a takeover (a name can have several A records): given back when the rule goes. Else empty. */
  readonly previous: readonly DnsRecord[];
  /** It was there and pointed at our tunnel already: taken into the ledger, not made by us. */
  readonly adopted: boolean;
  /** The rule is gone, the record is not yet: removal is owed and tried again. */
  readonly removalOwed: boolean;
}

/**
 * One change of one name, as data: enough to carry it out in another process. `via` says who does it; `entry` is what the
 * ledger held before, where it held something.
 */
export type DnsChange =
  | { readonly kind: 'create-record'; readonly hostname: string; readonly zoneId: string; readonly content: string; readonly via: 'api' | 'route-dns'; readonly entry?: LedgerEntry }
  | { readonly kind: 'update-record'; readonly hostname: string; readonly zoneId: string; readonly recordId: string; readonly content: string; readonly previousContent: string }
  | { readonly kind: 'take-over-record'; readonly hostname: string; readonly zoneId: string; readonly content: string; readonly previous: readonly DnsRecord[]; readonly via: 'api' | 'route-dns'; readonly entry?: LedgerEntry }
  | { readonly kind: 'adopt-record'; readonly hostname: string; readonly zoneId: string; readonly recordId: string; readonly content: string; readonly entry?: LedgerEntry }
  | { readonly kind: 'delete-record'; readonly hostname: string; readonly entry: LedgerEntry }
  /** The rule goes, the record stays: on a machine that joined, it may still serve the others. */
  | { readonly kind: 'forget-record'; readonly hostname: string; readonly entry: LedgerEntry };

export interface DnsConflict {
  readonly hostname: string;
  readonly record: DnsRecord;
}

/** What publishing these names would change. Conflicts refuse the change before anything starts. */
export interface DnsPlan {
  /** Before the commit, in order. */
  readonly publish: readonly DnsChange[];
  /** After the commit: what the removed rules leave. */
  readonly withdraw: readonly DnsChange[];
  readonly conflicts: readonly DnsConflict[];
  readonly warnings: readonly Warning[];
}

/** Something a person should know though the change went through. */
export interface Warning {
  readonly code: string;
  readonly message: string;
  /** The name it is about, where it is about one. */
  readonly hostname?: string;
}
