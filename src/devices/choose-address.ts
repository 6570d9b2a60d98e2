import type { DeviceAddress } from '../core/rule.js';
import type { LeaseTable } from './lease-table.js';
import type { ContainerNet } from './proxmox/parse-config.js';
import type { Remembered } from './remembered.js';

/** The last step from device to address, as pure functions: an address belongs to a device and to one of its MACs. */

export interface AddressEvidence {
  /** Of the container now; undefined where Proxmox cannot be asked. */
  readonly nets: readonly ContainerNet[] | undefined;
  readonly remembered: Remembered | undefined;
  /** Undefined where the lease file is away. */
  readonly leases: LeaseTable | undefined;
  /** Why Proxmox cannot be asked, why the lease file cannot be read: for people. */
  readonly proxmoxAway: string | undefined;
  readonly leasesAway: string | undefined;
}

interface Candidate {
  readonly address: string;
  readonly mac: string | undefined;
  readonly source: 'lease' | 'static' | 'remembered' | 'expired';
  /** Another MAC has a lease of it. */
  readonly contested: boolean;
}

export interface Candidates {
  /** What the container's config or a valid lease says, first choice first. */
  readonly firm: readonly Candidate[];
  /** What was true once, and may be still. */
  readonly soft: readonly Candidate[];
}

/** The MACs that are the device's, as far as anybody knows. */
export const macsOf = ({ nets, remembered }: Pick<AddressEvidence, 'nets' | 'remembered'>): readonly string[] => nets?.map(({ mac }) => mac) ?? remembered?.macs ?? [];

/** Whether somebody else has a lease of this address. Where no MAC of the device is known, nobody can say so. */
export function belongsToOther(address: string, macs: readonly string[], leases: LeaseTable | undefined): boolean {
  const holders = leases?.holdersOf(address);
  return macs.length > 0 && holders !== undefined && [...holders].some((mac) => !macs.includes(mac));
}

export function listCandidates(evidence: AddressEvidence): Candidates {
  const { remembered, leases } = evidence;
  const macs = macsOf(evidence);
  const candidate = (source: Candidate['source'], address: string, mac: string | undefined): Candidate => ({ address, mac, source, contested: belongsToOther(address, macs, leases) });
  const firm = knownNets(evidence).flatMap(({ mac, staticAddresses }) => [
    ...staticAddresses.map((address) => candidate('static', address, mac)),
    ...(leases?.addressesOf(mac) ?? []).map((address) => candidate('lease', address, mac)),
  ]);
  const stillItsMac = remembered?.mac === undefined || macs.includes(remembered.mac);
  const soft = [
    ...(remembered?.address !== undefined && stillItsMac ? [candidate('remembered', remembered.address, remembered.mac)] : []),
    ...macs.flatMap((mac) => (leases?.expiredAddressesOf(mac) ?? []).map((address) => candidate('expired', address, mac))),
  ];
  return { firm, soft };
}

/** While Proxmox is away: the MACs of yesterday, and the address where it was set by hand. */
function knownNets({ nets, remembered }: AddressEvidence): readonly Pick<ContainerNet, 'mac' | 'staticAddresses'>[] {
  if (nets !== undefined) return nets;
  const fixed = remembered?.source === 'static' ? remembered.address : undefined;
  return (remembered?.macs ?? []).map((mac) => ({ mac, staticAddresses: fixed !== undefined && remembered?.mac === mac ? [fixed] : [] }));
}

/** Whether the sources disagree, or all that there is was true once: the running container is asked then. */
export function needsJudge({ firm, soft }: Candidates): boolean {
  if (firm.length === 0) return soft.length > 0;
  return firm.some(({ contested }) => contested) || new Set(firm.map(({ address }) => address)).size > 1;
}

/**
 * `own`: the addresses that the running container says it has, where it was asked and answered. It may say what it
 * likes, so it only chooses among the candidates and never adds one.
 */
export function chooseAddress(candidates: Candidates, own: ReadonlySet<string> | undefined, evidence: AddressEvidence): DeviceAddress {
  const { firm } = candidates;
  const soft = candidates.soft.filter(({ contested }) => !contested);
  const confirmed = [...firm, ...soft].find(({ address }) => own?.has(address) === true);
  const chosen = confirmed ?? firm.find(({ contested }) => !contested);
  if (chosen !== undefined) return found(chosen, evidence);

  const noLease = evidence.proxmoxAway ?? evidence.leasesAway ?? 'there is no lease for it';
  const unresolved = (reason: string): DeviceAddress => ({ kind: 'unresolved', reason });
  if (firm[0] !== undefined) return unresolved(`another MAC has a lease of its address ${firm[0].address}`);
  const lastKnown = soft.find(({ source }) => source === 'remembered');
  if (lastKnown === undefined) return unresolved(noLease);
  if (own !== undefined && [...own].some(isOrdinary)) return unresolved(`${noLease}, and it runs with another address than its last known one`);
  return { kind: 'found', address: lastKnown.address, mac: lastKnown.mac, source: 'last-known', doubt: noLease };
}

/** What an interface has beside loopback and link-local addresses. */
const isOrdinary = (address: string): boolean => !/^(?:127\.|169\.254\.|::1$|fe[89ab])/.test(address);

/** What only a doubtful look confirms is still called last known, if that is what it is. */
function found({ address, mac, source }: Candidate, { proxmoxAway, leasesAway, remembered }: AddressEvidence): DeviceAddress {
  const doubt = proxmoxAway ?? (source === 'static' ? undefined : leasesAway);
  if (doubt === undefined) return { kind: 'found', address, mac, source: source === 'lease' || source === 'static' ? source : 'interfaces' };
  return { kind: 'found', address, mac, source: address === remembered?.address ? 'last-known' : source === 'lease' || source === 'static' ? source : 'interfaces', doubt };
}
