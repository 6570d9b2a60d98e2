import type { DeviceAddress } from '../core/rule.js';
import { belongsToOther, chooseAddress, listCandidates, macsOf, needsJudge, type AddressEvidence } from './choose-address.js';
import type { ContainerSearch } from './container-search.js';
import type { LeaseTable } from './lease-table.js';
import type { Remembered } from './remembered.js';

/** What one look gives of a device. */
export interface Sighting {
  readonly address: DeviceAddress;
  readonly search: ContainerSearch;
  /** Addresses that were its own, and that must not be served under its names any more. */
  readonly lost: readonly LostAddress[];
}

export interface LostAddress {
  readonly address: string;
  readonly reason: string;
}

export interface SightingEvidence {
  readonly search: ContainerSearch;
  readonly remembered: Remembered | undefined;
  readonly leases: LeaseTable | undefined;
  readonly leasesAway: string | undefined;
  /** At which it is served now. */
  readonly served: readonly string[];
}

/** `ask`: the addresses that the container says it has; asked only where the other sources do not agree. */
export async function sight(given: SightingEvidence, ask: (vmid: number) => Promise<ReadonlySet<string> | undefined>): Promise<Sighting> {
  const { search, remembered, leases, leasesAway } = given;
  if (search.kind === 'none' || search.kind === 'several') return { address: { kind: 'unresolved', reason: search.reason }, search, lost: search.kind === 'none' && search.gone ? lose(given, search.reason) : [] };

  const container = search.kind === 'found' ? search.container : undefined;
  const evidence: AddressEvidence = { nets: container?.nets, remembered, leases, leasesAway, proxmoxAway: search.kind === 'away' ? withoutFullStop(search.error.message) : undefined };
  const candidates = listCandidates(evidence);
  const own = container !== undefined && needsJudge(candidates) ? await ask(container.vmid) : undefined;
  const address = chooseAddress(candidates, own, evidence);
  const chosen = address.kind === 'found' ? address.address : undefined;
  const macs = macsOf(evidence);
  const lost = lose(given, 'somebody else has a lease of it').filter((one) => one.address !== chosen && belongsToOther(one.address, macs, leases));
  return { address, search, lost };
}

/** All addresses that it may be served at. */
function lose({ served, remembered }: SightingEvidence, reason: string): readonly LostAddress[] {
  const addresses = new Set([...served, ...(remembered?.address === undefined ? [] : [remembered.address])]);
  return [...addresses].map((address) => ({ address, reason }));
}

/** It goes on in another sentence. */
const withoutFullStop = (message: string): string => message.replace(/\.$/, '');
