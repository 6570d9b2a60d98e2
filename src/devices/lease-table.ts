import type { Lease } from './parse-leases.js';

/** The leases as they are at one moment. */
export interface LeaseTable {
  /** Addresses that this MAC has a lease of, the one that lasts longest first. */
  addressesOf(mac: string): readonly string[];
  /** Addresses that this MAC had a lease of. */
  expiredAddressesOf(mac: string): readonly string[];
  /** Whose lease of this address has not expired. More than one only in a file that contradicts itself. */
  holdersOf(address: string): ReadonlySet<string>;
}

/** `now`: wall clock, ms. */
export function tabulateLeases(leases: readonly Lease[], now: number): LeaseTable {
  const byMac = new Map<string, Lease[]>();
  const holders = new Map<string, Set<string>>();
  const isValid = ({ expiresAt }: Lease): boolean => expiresAt > now;
  for (const lease of leases) {
    append(byMac, lease.mac, lease);
    if (isValid(lease)) holders.set(lease.address, (holders.get(lease.address) ?? new Set()).add(lease.mac));
  }
  const addresses = (mac: string, fits: (lease: Lease) => boolean): readonly string[] => {
    const found = (byMac.get(mac) ?? []).filter(fits).toSorted((a, b) => compareExpiry(a, b));
    return [...new Set(found.map(({ address }) => address))];
  };
  return {
    addressesOf: (mac) => addresses(mac, isValid),
    expiredAddressesOf: (mac) => addresses(mac, (lease) => !isValid(lease)),
    holdersOf: (address) => holders.get(address) ?? NOBODY,
  };
}

const NOBODY: ReadonlySet<string> = new Set();

/** Not by subtraction: two that never expire are equal. */
const compareExpiry = (a: Lease, b: Lease): number => (a.expiresAt === b.expiresAt ? 0 : a.expiresAt > b.expiresAt ? -1 : 1);

function append<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
