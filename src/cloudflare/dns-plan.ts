import type { DnsChange, DnsConflict, DnsPlan, DnsRecord, LedgerEntry, Warning } from '../core/dns.js';
import { tunnelTarget } from '../core/tunnel.js';
import { isOurs, isRival, leadsTo } from './record-ownership.js';

/** Decides what publishing names changes in DNS. Pure: what is there is read before, what is decided is done after. */

export interface DnsWanted {
  readonly hostnames: readonly string[];
  readonly zoneId: string;
  /** Of the zone. */
  readonly domain: string;
  readonly tunnelId: string;
  /** This machine joined the tunnel: it deletes nothing. */
  readonly joined: boolean;
  /** Replace what is not ours. */
  readonly takeover: boolean;
  /** Names that the takeover is about: looked at even where the ledger has them as wanted. All, unless given. */
  readonly asked?: readonly string[];
}

/** The records at the names of `namesToObserve`, all types; `unreadable` where the token may not read them. */
export type Observed = ReadonlyMap<string, readonly DnsRecord[]> | 'unreadable';

/**
 * Names whose record may have to change: those that the ledger does not already have as wanted, and those that are to be
 * taken over, whose record somebody may have changed since.
 */
export function namesToObserve(wanted: DnsWanted, ledger: readonly LedgerEntry[]): readonly string[] {
  const entries = byHostname(ledger);
  const taken = new Set(wanted.takeover ? (wanted.asked ?? wanted.hostnames) : []);
  return unique(wanted.hostnames).filter((hostname) => taken.has(hostname) || !isSettled(entries.get(hostname), wanted));
}

export function planDns(wanted: DnsWanted, ledger: readonly LedgerEntry[], observed: Observed): DnsPlan {
  const entries = byHostname(ledger);
  const publish: DnsChange[] = [];
  const conflicts: DnsConflict[] = [];
  const warnings: Warning[] = [];

  for (const hostname of namesToObserve(wanted, ledger)) {
    const entry = entries.get(hostname);
    if (observed === 'unreadable') {
      publish.push(planUnseen(hostname, entry, wanted));
      continue;
    }
    const rivals = (observed.get(hostname) ?? []).filter((record) => isRival(record, wanted.domain));
    if (isSettled(entry, wanted) && rivals.length === 1 && rivals.every((record) => leadsTo(record, tunnelTarget(wanted.tunnelId)))) continue;
    const decision = decide(hostname, rivals, entry, wanted);
    if ('conflicts' in decision) conflicts.push(...decision.conflicts);
    else publish.push(decision);
    if (entry !== undefined && entry.zoneId !== wanted.zoneId) {
      warnings.push({ code: 'DNS_RECORD_LEFT', hostname, message: `The record of ${hostname} in the zone it was in before (${entry.zoneId}) stays there.` });
    }
  }
  if (observed === 'unreadable' && publish.length > 0) {
    warnings.push({ code: 'DNS_UNREADABLE', message: 'The certificate may not read DNS records: whether a name is taken shows only when it is routed.' });
  }
  return { publish, withdraw: planWithdrawals(wanted, ledger), conflicts, warnings };
}

function decide(hostname: string, rivals: readonly DnsRecord[], entry: LedgerEntry | undefined, wanted: DnsWanted): DnsChange | { readonly conflicts: readonly DnsConflict[] } {
  const { zoneId } = wanted;
  const content = tunnelTarget(wanted.tunnelId);
  const before = entry === undefined ? {} : { entry };
  const [only, ...others] = rivals;
  if (only === undefined) return { kind: 'create-record', hostname, zoneId, content, via: 'api', ...before };
  if (others.length === 0) {
    if (leadsTo(only, content)) return { kind: 'adopt-record', hostname, zoneId, recordId: only.id, content, ...before };
    if (entry !== undefined && isOurs(only, entry)) {
      return { kind: 'update-record', hostname, zoneId, recordId: only.id, content, previousContent: only.content };
    }
  }
  if (wanted.takeover) return { kind: 'take-over-record', hostname, zoneId, content, previous: rivals, via: 'api', ...before };
  return { conflicts: rivals.map((record) => ({ hostname, record })) };
}

/** Nothing is known of the name: the server refuses it if it is taken, and is told to replace it only when asked to. */
function planUnseen(hostname: string, entry: LedgerEntry | undefined, wanted: DnsWanted): DnsChange {
  const { zoneId } = wanted;
  const content = tunnelTarget(wanted.tunnelId);
  const before = entry === undefined ? {} : { entry };
  return wanted.takeover
    ? { kind: 'take-over-record', hostname, zoneId, content, previous: [], via: 'route-dns', ...before }
    : { kind: 'create-record', hostname, zoneId, content, via: 'route-dns', ...before };
}

/** From the ledger alone. What is owed already is not planned again: drift checks see to it. */
function planWithdrawals(wanted: DnsWanted, ledger: readonly LedgerEntry[]): readonly DnsChange[] {
  const names = new Set(wanted.hostnames);
  return ledger
    .filter((entry) => !entry.removalOwed && !names.has(entry.hostname))
    .map((entry) => ({ kind: wanted.joined ? 'forget-record' : 'delete-record', hostname: entry.hostname, entry }));
}

const isSettled = (entry: LedgerEntry | undefined, wanted: DnsWanted): boolean =>
  entry !== undefined && !entry.removalOwed && entry.zoneId === wanted.zoneId && entry.content === tunnelTarget(wanted.tunnelId);

const byHostname = (ledger: readonly LedgerEntry[]): ReadonlyMap<string, LedgerEntry> => new Map(ledger.map((entry) => [entry.hostname, entry]));

const unique = (names: readonly string[]): readonly string[] => [...new Set(names)];
