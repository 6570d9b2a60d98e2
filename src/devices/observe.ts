import type { Observation } from './address-book.js';
import type { Remembered } from './remembered.js';
import type { Sighting } from './sighting.js';

/** What of a sighting is worth remembering; undefined where it says nothing about the device. Pure. */
export function observe(deviceId: string, { address, search, lost }: Sighting, remembered: Remembered | undefined): Observation | undefined {
  const container = search.kind === 'found' ? search.container : undefined;
  const known = {
    deviceId,
    vmid: container?.vmid ?? remembered?.vmid,
    node: container?.node ?? remembered?.node,
    macs: container?.nets.map(({ mac }) => mac) ?? remembered?.macs ?? [],
  };
  if (address.kind === 'found' && address.source !== 'last-known') {
    return { ...known, address: address.address, mac: address.mac, source: address.source, reason: SOURCES[address.source] };
  }
  const isLost = lost.find((one) => one.address === remembered?.address);
  const otherMac = container !== undefined && remembered?.mac !== undefined && !known.macs.includes(remembered.mac);
  if (isLost !== undefined || otherMac) {
    return { ...known, address: undefined, mac: undefined, source: 'last-known', reason: isLost?.reason ?? 'its container has another MAC now' };
  }
  if (container === undefined) return undefined;
  return { ...known, address: remembered?.address, mac: remembered?.mac, source: remembered?.source ?? 'last-known', reason: '' };
}

const SOURCES = { lease: 'it has a lease', static: 'it is set in its config', interfaces: 'the container says so' } as const;
