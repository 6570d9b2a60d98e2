import type { Clock, Random } from '../core/clock.js';
import type { DnsRecord, LedgerEntry } from '../core/dns.js';
import { SupervisorError } from '../core/errors.js';
import type { Emit } from '../core/events.js';
import { CloudflareError, isForbidden } from './cloudflare-error.js';
import type { DnsLedger, OpenZone, ZoneAccess } from './ports.js';
import type { ReadOnlyClients } from './read-only-clients.js';
import { isRival } from './record-ownership.js';

/** What every change of a record works with. */
export interface RecordContext {
  readonly ledger: DnsLedger;
  readonly openZone: OpenZone;
  readonly emit: Emit;
  readonly clock: Clock;
  readonly random: Random;
  readonly readOnly: ReadOnlyClients;
  /** What was said of a name already and could not be repaired: said once, until it changes. */
  readonly reported: Map<string, string>;
}

export async function needZone(context: RecordContext, zoneId: string): Promise<ZoneAccess> {
  const access = await context.openZone(zoneId);
  if (access === undefined) throw new SupervisorError('DNS_FORBIDDEN', `There is no certificate for zone ${zoneId}.`);
  return access;
}

/**
 * All records at the name, as they are now; undefined where the token may not read them. Whoever changes or removes a
 * record reads it right before: what a plan saw may be minutes old, and an edit in the dashboard keeps the record's id.
 */
export async function readName(access: ZoneAccess, hostname: string, signal: AbortSignal): Promise<readonly DnsRecord[] | undefined> {
  try {
    return await access.client.records.listAt(access.zoneId, hostname, signal);
  } catch (thrown) {
    if (isForbidden(thrown)) return undefined;
    throw thrown;
  }
}

/** Of those at the name, what cannot stand beside our record, and it. */
export async function readRivals(access: ZoneAccess, hostname: string, signal: AbortSignal): Promise<readonly DnsRecord[] | undefined> {
  return (await readName(access, hostname, signal))?.filter((record) => isRival(record, access.domain));
}

/** Sends an edit unless the token is known not to allow it; undefined where it does not. */
export async function tryEdit<T>(context: RecordContext, access: ZoneAccess, edit: () => Promise<T>): Promise<{ readonly done: T } | undefined> {
  if (context.readOnly.has(access.client)) return undefined;
  try {
    return { done: await edit() };
  } catch (thrown) {
    if (!isForbidden(thrown)) throw thrown;
    context.readOnly.add(access.client);
    return undefined;
  }
}

/** A refusal that repeating does not cure, as the error of the change; everything else as it is. */
export function toDnsError(thrown: unknown, hostname: string): unknown {
  if (!(thrown instanceof CloudflareError)) return thrown;
  if (isForbidden(thrown)) return new SupervisorError('DNS_FORBIDDEN', `The certificate does not let us edit the DNS record of ${hostname}. ${thrown.message}`, { cause: thrown });
  if (thrown.code !== 'CLOUDFLARE_REFUSED') return thrown;
  return new SupervisorError('DNS_FAILED', `The DNS record of ${hostname} could not be changed. ${thrown.message}`, { cause: thrown });
}

/** The entry of the ledger that is about this very record, not about another zone's or tunnel's. */
export function entryOf(context: RecordContext, hostname: string, zoneId: string): LedgerEntry | undefined {
  const entry = context.ledger.get(hostname);
  return entry?.zoneId === zoneId ? entry : undefined;
}

/** The name needs nobody any more: whoever was told of its drift is told that it is over. */
export function settleName({ reported, emit }: RecordContext, hostname: string): void {
  if (reported.delete(hostname)) emit('dns.settled', { hostname });
}
