import { z } from 'zod';
import { toIso, type Clock } from '../core/clock.js';
import type { Emit } from '../core/events.js';
import type { RecordedAddress } from '../core/revision.js';
import type { Logger } from '../host/logging.js';
import { createDocument } from '../state/document.js';
import type { Remembered } from './remembered.js';

const entrySchema = z.looseObject({
  vmid: z.number().int().optional(),
  node: z.string().optional(),
  macs: z.array(z.string()),
  address: z.string().optional(),
  mac: z.string().optional(),
  source: z.enum(['lease', 'static', 'interfaces', 'last-known']),
  at: z.string(),
});
const schema = z.looseObject({ devices: z.record(z.string(), entrySchema) });

type Entry = z.output<typeof entrySchema>;

/** What is new about a device, and why. */
export interface Observation extends Omit<Remembered, 'at'> {
  readonly deviceId: string;
  readonly reason: string;
}

/** What was seen of devices, kept over restarts: whose address is whose while nobody can be asked. */
export interface AddressBook {
  /** What the revision recorded counts where the book says nothing. */
  recall(deviceId: string): Promise<Remembered | undefined>;
  /** Reports addresses that changed; on disk when it resolves, if the disk lets it. Never rejects. */
  note(observations: readonly Observation[]): Promise<void>;
  /** Addresses that somebody else recorded of devices, taken for last known where nothing is known yet. */
  seed(addresses: readonly { readonly deviceId: string; readonly address: string }[]): Promise<void>;
  /** Their containers were removed. */
  forget(deviceIds: readonly string[]): Promise<void>;
}

export interface AddressBookParts {
  readonly path: string;
  /** By the current revision. */
  readonly recorded: () => readonly RecordedAddress[];
  readonly emit: Emit;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** So many devices are remembered; those whose last change is the oldest are forgotten first. */
const MOST_DEVICES = 5_000;

/** Read when it is needed first: a machine without devices never does. */
export function createAddressBook({ path, recorded, emit, clock, logger }: AddressBookParts): AddressBook {
  const document = createDocument<z.output<typeof schema>>({ path, schema, version: 1, emit, clock });
  let opened: Promise<Map<string, Entry>> | undefined;
  let isReadable = true;
  const read = async (): Promise<Map<string, Entry>> => {
    try {
      return new Map(Object.entries((await document.read())?.devices ?? {}));
    } catch (error) {
      // Of a newer version, or not ours to read: it is left as it is, and what is seen from now on is kept in memory.
      isReadable = false;
      logger.warn({ error }, 'known addresses of devices could not be read');
      return new Map();
    }
  };
  const open = (): Promise<Map<string, Entry>> => (opened ??= read());

  const recall = (entries: ReadonlyMap<string, Entry>, deviceId: string): Remembered | undefined => {
    const entry = entries.get(deviceId);
    if (entry !== undefined) return { vmid: entry.vmid, node: entry.node, macs: entry.macs, address: entry.address, mac: entry.mac, source: entry.source, at: entry.at };
    const known = recorded().find((one) => one.deviceId === deviceId);
    if (known === undefined) return undefined;
    return { vmid: undefined, node: undefined, macs: known.mac === undefined ? [] : [known.mac], address: known.address, mac: known.mac, source: 'last-known', at: known.at };
  };
  const write = async (entries: Map<string, Entry>): Promise<void> => {
    const oldest = [...entries].toSorted(([, a], [, b]) => a.at.localeCompare(b.at)).slice(0, Math.max(0, entries.size - MOST_DEVICES));
    for (const [deviceId] of oldest) entries.delete(deviceId);
    if (!isReadable) return;
    // Without it on disk everything goes on; only the next start remembers less.
    await document.write({ devices: Object.fromEntries(entries) }).catch((error: unknown) => logger.warn({ error }, 'addresses of devices could not be written down'));
  };

  return {
    recall: async (deviceId) => recall(await open(), deviceId),
    note: async (observations) => {
      const entries = await open();
      let changed = false;
      for (const { deviceId, reason, ...seen } of observations) {
        const before = recall(entries, deviceId);
        if (before?.address !== seen.address) emit('device.address-changed', { deviceId, from: before?.address ?? null, to: seen.address ?? null, reason });
        if (before !== undefined && entries.has(deviceId) && saysTheSame(before, seen)) continue;
        entries.set(deviceId, toEntry(seen, toIso(clock.now())));
        changed = true;
      }
      if (changed) await write(entries);
    },
    seed: async (addresses) => {
      const entries = await open();
      const unknown = addresses.filter(({ deviceId }) => recall(entries, deviceId) === undefined);
      for (const { deviceId, address } of unknown) {
        entries.set(deviceId, toEntry({ vmid: undefined, node: undefined, macs: [], address, mac: undefined, source: 'last-known' }, toIso(clock.now())));
      }
      if (unknown.length > 0) await write(entries);
    },
    forget: async (deviceIds) => {
      const entries = await open();
      if (deviceIds.map((deviceId) => entries.delete(deviceId)).includes(true)) await write(entries);
    },
  };
}

function saysTheSame(before: Remembered, seen: Omit<Remembered, 'at'>): boolean {
  return before.vmid === seen.vmid
    && before.node === seen.node
    && before.address === seen.address
    && before.mac === seen.mac
    && before.source === seen.source
    && before.macs.length === seen.macs.length
    && before.macs.every((mac, index) => mac === seen.macs[index]);
}

/** JSON knows no undefined. */
function toEntry({ vmid, node, macs, address, mac, source }: Omit<Remembered, 'at'>, at: string): Entry {
  return {
    macs: [...macs],
    source,
    at,
    ...(vmid === undefined ? {} : { vmid }),
    ...(node === undefined ? {} : { node }),
    ...(address === undefined ? {} : { address }),
    ...(mac === undefined ? {} : { mac }),
  };
}
