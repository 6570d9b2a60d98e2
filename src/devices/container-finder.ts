import type { Clock } from '../core/clock.js';
import { away, type ContainerSearch } from './container-search.js';
import { findContainers } from './find-containers.js';
import { readLocalRecords } from './local-records.js';
import { readNode } from './node-reading.js';
import type { ProxmoxConnection } from './proxmox/connection.js';
import type { Remembered } from './remembered.js';

/** Device to container, through Portacode's records and Proxmox. */
export interface ContainerFinder {
  /** `maxAgeMs`: what was found is believed for so long. Never rejects. */
  find(deviceIds: readonly string[], seen: ReadonlyMap<string, Remembered | undefined>, options: { readonly maxAgeMs: number; readonly signal: AbortSignal }): Promise<ReadonlyMap<string, ContainerSearch>>;
  /** By Portacode's own record alone; undefined where it has none, or several. */
  recordedVmid(deviceId: string): Promise<number | undefined>;
  /** Addresses that a container says it has; undefined where it does not run or cannot be asked. */
  readAddresses(vmid: number, signal: AbortSignal): Promise<ReadonlySet<string> | undefined>;
}

export interface FinderParts {
  readonly proxmox: ProxmoxConnection;
  /** `containers` in Portacode's state directory. */
  readonly recordsDirectory: string;
  readonly clock: Clock;
}

type Found = Extract<ContainerSearch, { readonly kind: 'found' }>;

export function createContainerFinder({ proxmox, recordsDirectory, clock }: FinderParts): ContainerFinder {
  const kept = new Map<string, { readonly search: Found; readonly at: number }>();

  const keep = (deviceId: string, search: ContainerSearch): void => {
    if (search.kind === 'found') kept.set(deviceId, { search, at: clock.monotonic() });
    else if (search.kind !== 'away') kept.delete(deviceId);
  };
  const ask = async (deviceIds: readonly string[], seen: ReadonlyMap<string, Remembered | undefined>, signal: AbortSignal): Promise<ReadonlyMap<string, ContainerSearch>> => {
    try {
      const [client, records] = await Promise.all([proxmox.client(), readLocalRecords(recordsDirectory)]);
      return await findContainers(deviceIds, {
        node: readNode(client, signal),
        records,
        seenAt: (deviceId) => {
          const { vmid, node, macs = [] } = seen.get(deviceId) ?? {};
          return vmid === undefined || node === undefined ? undefined : { vmid, node, macs };
        },
      });
    } catch (error) {
      return new Map(deviceIds.map((deviceId) => [deviceId, away(error)]));
    }
  };

  return {
    find: async (deviceIds, seen, { maxAgeMs, signal }) => {
      const searches = new Map<string, ContainerSearch>();
      for (const deviceId of deviceIds) {
        const known = kept.get(deviceId);
        if (known !== undefined && clock.monotonic() - known.at < maxAgeMs) searches.set(deviceId, known.search);
      }
      const unknown = deviceIds.filter((deviceId) => !searches.has(deviceId));
      if (unknown.length === 0) return searches;
      for (const [deviceId, search] of await ask(unknown, seen, signal)) {
        keep(deviceId, search);
        searches.set(deviceId, search);
      }
      return searches;
    },
    recordedVmid: async (deviceId) => {
      const vmids = (await readLocalRecords(recordsDirectory)).get(deviceId) ?? [];
      return vmids.length === 1 ? vmids[0] : undefined;
    },
    readAddresses: async (vmid, signal) => {
      try {
        return await (await proxmox.client()).readAddresses(vmid, signal);
      } catch {
        return undefined; // Not running, or away: then there is no judge, and the first choice stands.
      }
    },
  };
}
