import type { DnsRecord, LedgerEntry, Warning } from '../core/dns.js';
import { SupervisorError } from '../core/errors.js';
import { isForbidden } from './cloudflare-error.js';
import type { Mutex } from './mutex.js';
import type { ZoneAccess } from './ports.js';
import { createRecord } from './publish-record.js';
import { readName, settleName, tryEdit, type RecordContext } from './record-context.js';
import { describeRecords, isOurs, isRival, leadsTo } from './record-ownership.js';
import { withdrawRecord } from './withdraw-record.js';

export interface DriftContext extends RecordContext {
  readonly exclusively: Mutex;
}

export interface DriftReport {
  /** Whether the zone could be read at all. */
  readonly readable: boolean;
  readonly drifted: readonly { readonly hostname: string; readonly problem: string; readonly repaired: boolean }[];
  /** Removals still owed, by hostname. */
  readonly owed: readonly string[];
  readonly warnings: readonly Warning[];
}

/**
 * Compares the ledger with one listing of the zone. A record that is gone is made again, one that is ours and was
 * unproxied is proxied again; what somebody else put in its place is reported and stays. Between the listing and the
 * repair a change may have run, or somebody have edited the record: ledger and record are looked at again under the lock.
 */
export async function checkDrift(context: DriftContext, zoneId: string, signal: AbortSignal): Promise<DriftReport> {
  const access = await context.openZone(zoneId);
  const listed = access === undefined ? undefined : await listRivals(access, signal);
  const drifted: { hostname: string; problem: string; repaired: boolean }[] = [];
  if (access !== undefined && listed !== undefined) {
    for (const entry of context.ledger.list().filter((known) => known.zoneId === zoneId && !known.removalOwed)) {
      const problem = describeProblem(entry, listed.get(entry.hostname) ?? []);
      if (problem === undefined) {
        settleName(context, entry.hostname);
        continue;
      }
      // A put replaces the entry: the same object is the same state.
      const outcome = await context.exclusively(async () => (context.ledger.get(entry.hostname) === entry ? repair(context, access, entry, problem, signal) : undefined));
      if (outcome === undefined || outcome === 'settled') continue;
      const repaired = outcome === 'repaired';
      if (!repaired && context.reported.get(entry.hostname) === problem.text) continue;
      if (repaired) context.reported.delete(entry.hostname);
      else context.reported.set(entry.hostname, problem.text);
      drifted.push({ hostname: entry.hostname, problem: problem.text, repaired });
      context.emit('dns.drifted', { hostname: entry.hostname, problem: problem.text, repaired });
    }
  }
  const warnings = await removeOwed(context, signal);
  return { readable: listed !== undefined, drifted, owed: context.ledger.list().filter((entry) => entry.removalOwed).map((entry) => entry.hostname), warnings };
}

type Problem =
  | { readonly kind: 'missing'; readonly text: string }
  | { readonly kind: 'foreign'; readonly text: string }
  /** Made anew by somebody, and as it should be: only its id is another. */
  | { readonly kind: 'renewed'; readonly text: string; readonly record: DnsRecord }
  | { readonly kind: 'unproxied'; readonly text: string };

function describeProblem(entry: LedgerEntry, rivals: readonly DnsRecord[]): Problem | undefined {
  const [only, ...others] = rivals;
  if (only === undefined) return { kind: 'missing', text: 'the record is gone' };
  if (others.length > 0 || !leadsTo(only, entry.content)) return { kind: 'foreign', text: `somebody else's record is there: ${describeRecords(rivals)}` };
  if (!isOurs(only, entry)) return { kind: 'renewed', text: 'the record was made anew', record: only };
  if (!only.proxied) return { kind: 'unproxied', text: 'the record is not proxied' };
  return undefined;
}

/** `settled`: there is nothing to say, or no more. */
type Repair = 'repaired' | 'left' | 'settled';

async function repair(context: DriftContext, access: ZoneAccess, entry: LedgerEntry, problem: Problem, signal: AbortSignal): Promise<Repair> {
  const { hostname, zoneId, content } = entry;
  if (problem.kind === 'foreign') return 'left';
  if (problem.kind === 'renewed') {
    await context.ledger.put({ ...entry, recordId: problem.record.id });
    settleName(context, hostname);
    return 'settled';
  }
  try {
    if (problem.kind === 'missing') {
      await createRecord(context, { kind: 'create-record', hostname, zoneId, content, via: 'api' }, signal);
      return 'repaired';
    }
    const record = (await readName(access, hostname, signal))?.find((there) => isOurs(there, entry));
    if (record === undefined || record.proxied) return 'settled'; // changed since the listing: the next one tells what it is now
    const updated = await tryEdit(context, access, () => access.client.records.update(zoneId, record.id, { proxied: true }, signal));
    return updated === undefined ? 'left' : 'repaired';
  } catch (thrown) {
    // One name that Cloudflare refuses must not keep the others from being repaired; it is reported as not repaired.
    if (thrown instanceof SupervisorError) return 'left';
    throw thrown;
  }
}

/**
 * Those that cannot be removed now stay owed; that was said when they became so. `except`: what leads there stays. Nobody
 * need look any more at what the ledger has forgotten.
 */
export async function removeOwed(context: DriftContext, signal: AbortSignal, except?: string): Promise<readonly Warning[]> {
  const warnings: Warning[] = [];
  for (const hostname of context.reported.keys()) if (context.ledger.get(hostname) === undefined) settleName(context, hostname);
  for (const { hostname } of context.ledger.list().filter((entry) => entry.removalOwed && entry.content !== except)) {
    if (signal.aborted) break;
    await context.exclusively(async () => {
      const entry = context.ledger.get(hostname);
      if (entry === undefined || !entry.removalOwed) return;
      try {
        warnings.push(...(await withdrawRecord(context, entry, signal)).filter((warning) => warning.code !== 'DNS_RECORD_LEFT'));
      } catch (thrown) {
        // Cloudflare is away, or refuses this one: it stays owed.
        if (!(thrown instanceof SupervisorError)) throw thrown;
      }
    });
  }
  return warnings;
}

async function listRivals(access: ZoneAccess, signal: AbortSignal): Promise<ReadonlyMap<string, readonly DnsRecord[]> | undefined> {
  try {
    const rivals = new Map<string, DnsRecord[]>();
    for (const record of (await access.client.records.listAll(access.zoneId, signal)).filter((record) => isRival(record, access.domain))) {
      const there = rivals.get(record.name);
      if (there === undefined) rivals.set(record.name, [record]);
      else there.push(record);
    }
    return rivals;
  } catch (thrown) {
    if (isForbidden(thrown)) return undefined;
    throw thrown;
  }
}
