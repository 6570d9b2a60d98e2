import type { Clock } from '../core/clock.js';
import type { DnsRecord, LedgerEntry } from '../core/dns.js';
import { SupervisorError } from '../core/errors.js';
import type { Emit } from '../core/events.js';
import type { CloudflareClient } from './client.js';
import { CloudflareError, isForbidden } from './cloudflare-error.js';
import { observeNames, type Observations } from './observations.js';
import type { DnsLedger, OpenZone, ZoneAccess } from './ports.js';

/** What every change of a record works with. */
export interface RecordContext {
  readonly ledger: DnsLedger;
  readonly openZone: OpenZone;
  readonly emit: Emit;
  readonly clock: Clock;
  readonly observations: Observations;
  /** Names that the last plan withdraws, by zone: many of them are read at once when the first one goes. */
  readonly withdrawing: Map<string, ReadonlySet<string>>;
  /** Clients whose token was refused an edit: no request is spent on asking again. A new certificate is a new client. */
  readonly readOnly: WeakSet<CloudflareClient>;
}

const FEW_NAMES = 2;

export async function needZone(context: RecordContext, zoneId: string): Promise<ZoneAccess> {
  const access = await context.openZone(zoneId);
  if (access === undefined) throw new SupervisorError('DNS_FORBIDDEN', `There is no certificate for zone ${zoneId}.`);
  return access;
}

/** All records at the name; undefined where the token may not read them. */
export async function readName(context: RecordContext, access: ZoneAccess, hostname: string, signal: AbortSignal): Promise<readonly DnsRecord[] | undefined> {
  const seen = context.observations.get(access.zoneId, hostname);
  if (seen !== undefined) return seen;
  const together = context.withdrawing.get(access.zoneId);
  const names = together !== undefined && together.size > FEW_NAMES && together.has(hostname) ? [...together] : [hostname];
  try {
    const found = await observeNames(access.client.records, access.zoneId, names, signal);
    context.observations.put(access.zoneId, found);
    return found.get(hostname) ?? [];
  } catch (thrown) {
    if (isForbidden(thrown)) return undefined;
    throw thrown;
  }
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
