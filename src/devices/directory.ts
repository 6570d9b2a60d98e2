import type { Clock } from '../core/clock.js';
import { withDeadline } from '../core/deadline.js';
import type { DeviceAddress } from '../core/rule.js';
import type { AddressResolver } from '../forwarding/ports.js';
import type { AddressBook } from './address-book.js';
import { belongsToOther } from './choose-address.js';
import type { ContainerFinder } from './container-finder.js';
import { containerOf, NOBODY_KNOWS, type ContainerSearch } from './container-search.js';
import type { LeaseFile } from './lease-file.js';
import { tabulateLeases } from './lease-table.js';
import { mapLimited } from './limited.js';
import { observe } from './observe.js';
import { sight, type Sighting } from './sighting.js';

/** An address at which a device is served. */
export interface ServedAddress {
  readonly deviceId: string;
  readonly address: string;
}

export interface LookOptions {
  /** What Proxmox said of a container that was found is believed for so long. Default: not at all. */
  readonly maxAgeMs?: number;
  /** What has not answered by then is away. */
  readonly deadlineMs: number;
  /** Whether these are lost is said too, beside the remembered ones. */
  readonly served?: readonly ServedAddress[];
  readonly signal?: AbortSignal;
}

/** Who has which address: by Portacode's records, Proxmox and the lease file. */
export interface DeviceDirectory extends AddressResolver {
  /** Rejects only when its signal is aborted. */
  look(deviceIds: readonly string[], options: LookOptions): Promise<ReadonlyMap<string, Sighting>>;
  /**
   * Those of which somebody else has a lease, by the lease file and what is remembered: at once, without asking Proxmox,
   * and so not the last word.
   */
  suspect(served: readonly ServedAddress[]): Promise<readonly ServedAddress[]>;
  /** What `resolve` gave last, by device: a change that is under way may be about to serve it. */
  handedOut(): readonly ServedAddress[];
  /** These were withdrawn from whatever serves them, and from whatever was about to. */
  takeBack(addresses: readonly ServedAddress[]): void;
  /**
   * The number of a device's container: checked with Proxmox, or Portacode's own record while Proxmox is away.
   * @throws SupervisorError PROXMOX_*, DEVICE_UNKNOWN, DEVICE_AMBIGUOUS
   */
  findVmid(deviceId: string): Promise<number>;
  /** Their containers were removed: nothing of them is remembered. */
  forget(deviceIds: readonly string[]): Promise<void>;
}

export interface DirectoryParts {
  readonly book: AddressBook;
  readonly finder: ContainerFinder;
  readonly leaseFile: LeaseFile;
  readonly clock: Clock;
}

/** A change waits for so long; then last known addresses are good enough. */
const RESOLVE_DEADLINE_MS = 6_000;
const JUDGES_AT_A_TIME = 8;

export function createDeviceDirectory({ book, finder, leaseFile, clock }: DirectoryParts): DeviceDirectory {
  const handedOut = new Map<string, string>();

  const readLeases = async () => {
    const reading = await leaseFile.read();
    return reading.kind === 'away' ? { leases: undefined, away: reading.reason } : { leases: tabulateLeases(reading.leases, clock.now()), away: undefined };
  };

  const look = async (deviceIds: readonly string[], { maxAgeMs = 0, deadlineMs, served = [], signal: parent }: LookOptions): Promise<ReadonlyMap<string, Sighting>> => {
    const seen = new Map(await mapLimited(deviceIds, 1, async (deviceId) => [deviceId, await book.recall(deviceId)] as const));
    const sightings = await withDeadline(clock, deadlineMs, parent, async (signal) => {
      const searches = await finder.find(deviceIds, seen, { maxAgeMs, signal });
      // After Proxmox, which may have been slow: what is known of leases is newer than what is known of containers.
      const { leases, away } = await readLeases();
      return mapLimited(deviceIds, JUDGES_AT_A_TIME, async (deviceId) => {
        const search: ContainerSearch = searches.get(deviceId) ?? NOBODY_KNOWS;
        const ownServed = served.filter((one) => one.deviceId === deviceId).map(({ address }) => address);
        const ask = (vmid: number): Promise<ReadonlySet<string> | undefined> => finder.readAddresses(vmid, signal);
        return [deviceId, await sight({ search, remembered: seen.get(deviceId), leases, leasesAway: away, served: ownServed }, ask)] as const;
      });
    });
    parent?.throwIfAborted();
    await book.note(sightings.flatMap(([deviceId, sighting]) => observe(deviceId, sighting, seen.get(deviceId)) ?? []));
    return new Map(sightings);
  };

  return {
    look,
    resolve: async (deviceIds) => {
      const sightings = await look(deviceIds, { deadlineMs: RESOLVE_DEADLINE_MS });
      for (const [deviceId, { address }] of sightings) {
        if (address.kind === 'found') handedOut.set(deviceId, address.address);
        else handedOut.delete(deviceId);
      }
      return new Map<string, DeviceAddress>([...sightings].map(([deviceId, { address }]) => [deviceId, address]));
    },
    suspect: async (served) => {
      const { leases } = await readLeases();
      const judged = await mapLimited(served, 1, async (one) => ({ one, suspect: belongsToOther(one.address, (await book.recall(one.deviceId))?.macs ?? [], leases) }));
      return judged.flatMap(({ one, suspect }) => (suspect ? [one] : []));
    },
    handedOut: () => [...handedOut].map(([deviceId, address]) => ({ deviceId, address })),
    takeBack: (addresses) => {
      for (const { deviceId, address } of addresses) if (handedOut.get(deviceId) === address) handedOut.delete(deviceId);
    },
    findVmid: async (deviceId) => {
      const search = (await look([deviceId], { deadlineMs: RESOLVE_DEADLINE_MS })).get(deviceId)?.search;
      const recorded = search?.kind === 'away' ? await finder.recordedVmid(deviceId) : undefined;
      return recorded ?? containerOf(deviceId, search).vmid;
    },
    forget: async (deviceIds) => {
      for (const deviceId of deviceIds) handedOut.delete(deviceId);
      await book.forget(deviceIds);
    },
  };
}
