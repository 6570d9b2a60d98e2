import type { PublishedDevices } from './ports.js';
import type { Sighting } from './sighting.js';

/** What a look says must change of what is published. Pure. */
export interface Difference {
  /** Devices that are served at another address than they have, or at none though they have one, or the other way round. */
  readonly moved: readonly string[];
  /** Must not be served any more. */
  readonly lost: readonly { readonly deviceId: string; readonly address: string }[];
  /** Devices whose containers were removed. */
  readonly gone: readonly string[];
  /** Devices that have no address, or one that could not be looked up. */
  readonly unsettled: readonly string[];
}

export function compare({ addresses }: Pick<PublishedDevices, 'addresses'>, sightings: ReadonlyMap<string, Sighting>): Difference {
  const seen = [...sightings].map(([deviceId, sighting]) => ({ deviceId, ...sighting, served: addresses.find((one) => one.deviceId === deviceId) }));
  return {
    moved: seen.flatMap(({ deviceId, address, served }) => {
      const now = address.kind === 'found' ? address : undefined;
      const sameMac = now?.mac === undefined || served?.mac === undefined || now.mac === served.mac;
      return now?.address === served?.address && sameMac ? [] : [deviceId];
    }),
    lost: seen.flatMap(({ deviceId, lost }) => lost.map(({ address }) => ({ deviceId, address }))),
    gone: seen.flatMap(({ deviceId, search }) => (search.kind === 'none' && search.gone ? [deviceId] : [])),
    unsettled: seen.flatMap(({ deviceId, address }) => (address.kind === 'unresolved' || address.source === 'last-known' ? [deviceId] : [])),
  };
}
