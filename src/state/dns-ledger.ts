import { z } from 'zod';
import type { LedgerEntry } from '../core/dns.js';
import type { Emit } from '../core/events.js';
import type { BasePaths } from '../host/base-paths.js';
import { createDocument } from './document.js';

const record = z.looseObject({
  id: z.string(),
  zoneId: z.string(),
  name: z.string(),
  type: z.string(),
  content: z.string(),
  proxied: z.boolean(),
  ttl: z.number(),
  comment: z.string(),
});

const entry = z.looseObject({
  hostname: z.string().min(1),
  zoneId: z.string(),
  recordId: z.string().optional(),
  content: z.string(),
  createdAt: z.string(),
  previous: z.array(record),
  adopted: z.boolean(),
  removalOwed: z.boolean(),
}).transform((value): LedgerEntry => ({ ...value, recordId: value.recordId }));

const schema = z.looseObject({ entries: z.array(entry) });

/** The records we made or took over, by hostname: only those are ever changed or removed. */
export interface DnsLedger {
  get(hostname: string): LedgerEntry | undefined;
  /** By hostname. */
  list(): readonly LedgerEntry[];
  /** On disk when it resolves; changes of the same moment share one write. */
  put(entry: LedgerEntry): Promise<void>;
  /** Idempotent. */
  remove(hostname: string): Promise<void>;
}

type Entries = ReadonlyMap<string, LedgerEntry>;
interface Change {
  apply(entries: Map<string, LedgerEntry>): void;
  settle(failure?: unknown): void;
}

export async function openDnsLedger(paths: BasePaths, emit: Emit): Promise<DnsLedger> {
  const document = createDocument<{ entries: LedgerEntry[] }>({ path: paths.dnsLedger, schema, version: 1, emit });
  let entries: Entries = new Map((await document.read())?.entries.map((known) => [known.hostname, known]));
  let waiting: Change[] = [];
  let writing = false;

  /** Readers see a change when it is on disk, and not at all when it could not be put there. */
  const writeAll = async (): Promise<void> => {
    writing = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      const next = new Map(entries);
      for (const change of batch) change.apply(next);
      try {
        await document.write({ entries: sorted(next) });
        entries = next;
        for (const change of batch) change.settle();
      } catch (error) {
        for (const change of batch) change.settle(error);
      }
    }
    writing = false;
  };

  const change = async (apply: Change['apply']): Promise<void> => new Promise((resolve, reject) => {
    waiting.push({ apply, settle: (failure) => (failure === undefined ? resolve() : reject(failure)) });
    if (!writing) void writeAll();
  });

  return {
    get: (hostname) => entries.get(hostname),
    list: () => sorted(entries),
    put: async (added) => change((next) => next.set(added.hostname, added)),
    remove: async (hostname) => (entries.has(hostname) || writing ? change((next) => next.delete(hostname)) : undefined),
  };
}

const sorted = (entries: Entries): LedgerEntry[] => [...entries.values()].sort((a, b) => (a.hostname < b.hostname ? -1 : 1));
