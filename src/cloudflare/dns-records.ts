import type { Clock, Random } from '../core/clock.js';
import { withDeadline } from '../core/deadline.js';
import type { DnsChange, DnsPlan, LedgerEntry, Warning } from '../core/dns.js';
import type { Emit } from '../core/events.js';
import { tunnelTarget } from '../core/tunnel.js';
import { isForbidden } from './cloudflare-error.js';
import { namesToObserve, planDns, type DnsWanted, type Observed } from './dns-plan.js';
import { checkDrift, removeOwed, type DriftReport } from './drift.js';
import { entryMadeBy } from './entry-made-by.js';
import { createMutex } from './mutex.js';
import { observeNames } from './observe-names.js';
import type { DnsLedger, OpenZone } from './ports.js';
import { adoptRecord, createRecord, takeOverRecord, updateRecord } from './publish-record.js';
import { needZone, settleName, toDnsError, type RecordContext } from './record-context.js';
import { createReadOnlyClients } from './read-only-clients.js';
import type { RequestBudget } from './request-budget.js';
import { undoChange } from './undo-change.js';
import { withdrawRecord } from './withdraw-record.js';

/** A plan reads what is there; where Cloudflare is away that long, the change is refused. */
export const PLAN_TIMEOUT_MS = 30_000;

/** What a change needs at most, where nothing goes wrong. */
const REQUESTS_A_CHANGE = 4;

export interface DnsRecordsOptions {
  readonly ledger: DnsLedger;
  readonly openZone: OpenZone;
  readonly emit: Emit;
  readonly clock: Clock;
  readonly random?: Random;
  readonly budget: RequestBudget;
}

export interface ChangeResult {
  readonly warnings: readonly Warning[];
}

/** `DnsRecords` of forwarding/ports.ts, and the check of drift, which works on the same records. */
export interface CloudflareDnsRecords {
  plan(wanted: DnsWanted): Promise<DnsPlan>;
  awaitTurn(signal: AbortSignal): Promise<void>;
  execute(change: DnsChange, signal: AbortSignal): Promise<ChangeResult>;
  undo(change: DnsChange, signal: AbortSignal): Promise<ChangeResult>;
  owe(change: DnsChange): Promise<void>;
  stateOf(hostname: string): string;
  /** One listing of this zone: repairs what is ours, reports what is not, removes what is owed, in every zone. */
  checkDrift(zoneId: string, signal: AbortSignal): Promise<DriftReport>;
  /** What is owed of other tunnels than this one, which were ours alone: for a machine that looks after no records now. */
  removeOwedElsewhere(tunnelId: string | undefined, signal: AbortSignal): Promise<readonly Warning[]>;
}

export function createDnsRecords({ ledger, openZone, emit, clock, random = Math.random, budget }: DnsRecordsOptions): CloudflareDnsRecords {
  const context: RecordContext = { ledger, openZone, emit, clock, random, readOnly: createReadOnlyClients(), reported: new Map() };
  // Two changes of one record at once would each find the other's half.
  const exclusively = createMutex();

  return {
    async plan(wanted) {
      context.readOnly.forgetAll();
      const names = namesToObserve(wanted, ledger.list());
      const observed = names.length === 0 ? new Map<string, never>() : await observe(context, wanted.zoneId, names);
      return planDns(wanted, ledger.list(), observed);
    },
    awaitTurn: (signal) => budget.whenFree(REQUESTS_A_CHANGE, signal),
    execute: (change, signal) =>
      exclusively(async () => {
        try {
          return { warnings: await carryOut(context, change, signal) };
        } catch (thrown) {
          throw toDnsError(thrown, change.hostname);
        }
      }),
    undo: (change, signal) => exclusively(async () => ({ warnings: await undoChange(context, change, signal) })),
    owe: (change) => exclusively(() => oweRemoval(context, change)),
    stateOf: (hostname) => describeState(ledger.get(hostname)),
    checkDrift: (zoneId, signal) => {
      context.readOnly.forgetAll();
      return checkDrift({ ...context, exclusively }, zoneId, signal);
    },
    removeOwedElsewhere: (tunnelId, signal) => {
      context.readOnly.forgetAll();
      return removeOwed({ ...context, exclusively }, signal, tunnelId === undefined ? undefined : tunnelTarget(tunnelId));
    },
  };
}

/** One by kind: a kind that is missing here does not compile. */
const EXECUTORS: { readonly [K in DnsChange['kind']]: (context: RecordContext, change: Extract<DnsChange, { readonly kind: K }>, signal: AbortSignal) => Promise<readonly Warning[]> } = {
  'create-record': createRecord,
  'update-record': updateRecord,
  'take-over-record': takeOverRecord,
  'adopt-record': adoptRecord,
  'delete-record': (context, change, signal) => withdrawRecord(context, change.entry, signal),
  'forget-record': (context, change) => forgetRecord(context, change.entry),
};

function carryOut(context: RecordContext, change: DnsChange, signal: AbortSignal): Promise<readonly Warning[]> {
  const execute = EXECUTORS[change.kind] as (context: RecordContext, change: DnsChange, signal: AbortSignal) => Promise<readonly Warning[]>;
  return execute(context, change, signal);
}

async function forgetRecord(context: RecordContext, entry: LedgerEntry): Promise<readonly Warning[]> {
  await context.ledger.remove(entry.hostname);
  settleName(context, entry.hostname);
  return [{ code: 'DNS_RECORD_LEFT', hostname: entry.hostname, message: `The DNS record of ${entry.hostname} stays: others are on the tunnel, and may serve the name.` }];
}

async function observe(context: RecordContext, zoneId: string, names: readonly string[]): Promise<Observed> {
  const access = await needZone(context, zoneId);
  try {
    return await withDeadline(context.clock, PLAN_TIMEOUT_MS, undefined, (signal) => observeNames(access.client.records, zoneId, names, signal));
  } catch (thrown) {
    if (isForbidden(thrown)) return 'unreadable';
    throw thrown;
  }
}

/** What could not be removed, or not be undone, is removed by a later check of drift. */
async function oweRemoval(context: RecordContext, change: DnsChange): Promise<void> {
  switch (change.kind) {
    case 'delete-record':
      await context.ledger.put({ ...change.entry, removalOwed: true });
      break;
    case 'forget-record':
      await context.ledger.remove(change.hostname);
      break;
    case 'create-record':
    case 'take-over-record': {
      const made = entryMadeBy(context, change);
      if (made !== undefined) await context.ledger.put({ ...made, removalOwed: true });
      break;
    }
    case 'update-record':
    case 'adopt-record':
      // The record was there before and stays; the next plan finds it as it is.
      break;
  }
}

function describeState(entry: LedgerEntry | undefined): string {
  if (entry === undefined) return 'none';
  if (entry.removalOwed) return 'owed';
  if (entry.previous.length > 0) return 'taken-over';
  if (entry.adopted) return 'adopted';
  // Made through `route dns`: seen by nobody, and not ours to remove.
  return entry.recordId === undefined ? 'unmanaged' : 'created';
}
