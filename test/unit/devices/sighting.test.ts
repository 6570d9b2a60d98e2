import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SupervisorError } from '../../../src/core/errors.js';
import type { ContainerSearch } from '../../../src/devices/container-search.js';
import { tabulateLeases } from '../../../src/devices/lease-table.js';
import type { ContainerNet } from '../../../src/devices/proxmox/parse-config.js';
import type { Remembered } from '../../../src/devices/remembered.js';
import { sight, type Sighting } from '../../../src/devices/sighting.js';

const NOW = 1_800_000_000_000;
const MAC = 'bc:24:11:00:00:01';
const SECOND_MAC = 'bc:24:11:00:00:02';
const OTHERS_MAC = 'bc:24:11:00:00:99';
const [A, B, C] = ['10.10.0.101', '10.10.0.102', '10.10.0.103'] as const;

const net = (index: number, mac: string, ...staticAddresses: string[]): ContainerNet => ({ index, mac, staticAddresses });
const found = (...nets: ContainerNet[]): ContainerSearch => ({ kind: 'found', container: { deviceId: '598', vmid: 101, node: 'pve', hostname: 'web', nets } });
const AWAY: ContainerSearch = { kind: 'away', error: new SupervisorError('PROXMOX_UNREACHABLE', 'Proxmox does not answer') };
const remembered = (address: string | undefined, more: Partial<Remembered> = {}): Remembered => ({ vmid: 101, node: 'pve', macs: [MAC], address, mac: MAC, source: 'lease', at: '2026-01-01T00:00:00.000Z', ...more });

interface Scene {
  readonly search: ContainerSearch;
  readonly remembered?: Remembered;
  /** `null`: the file is missing. Seconds from now; 0 never ends. */
  readonly leases?: readonly (readonly [mac: string, address: string, seconds: number])[] | null;
  /** What the container says; absent: it cannot be asked. */
  readonly own?: readonly string[];
  readonly served?: readonly string[];
}

async function see({ search, remembered: known, leases = [], own, served = [] }: Scene): Promise<Sighting & { readonly asked: boolean }> {
  let asked = false;
  const table = leases === null ? undefined : tabulateLeases(leases.map(([mac, address, seconds]) => ({ mac, address, expiresAt: seconds === 0 ? Infinity : NOW + seconds * 1000 })), NOW);
  const sighting = await sight({ search, remembered: known, leases: table, leasesAway: leases === null ? 'the lease file is missing' : undefined, served }, async () => {
    asked = true;
    return own === undefined ? undefined : new Set(own);
  });
  return { ...sighting, asked };
}

const addressOf = async (scene: Scene): Promise<string> => {
  const { address } = await see(scene);
  return address.kind === 'found' ? `${address.source} ${address.address}${address.doubt === undefined ? '' : ` (${address.doubt})`}` : `unresolved: ${address.reason}`;
};

describe('with all sources there', () => {
  test.each<[string, Scene, string]>([
    ['the lease of its MAC', { search: found(net(0, MAC)), leases: [[MAC, A, 60], [OTHERS_MAC, B, 60]] }, `lease ${A}`],
    ['a lease that never ends', { search: found(net(0, MAC)), leases: [[MAC, A, 0]] }, `lease ${A}`],
    ['a static address', { search: found(net(0, MAC, B)), leases: [] }, `static ${B}`],
    ['net0 before net1', { search: found(net(0, MAC), net(1, SECOND_MAC)), leases: [[SECOND_MAC, B, 60], [MAC, A, 60]] }, `lease ${A}`],
    ['net1 where net0 has none', { search: found(net(0, MAC), net(1, SECOND_MAC)), leases: [[SECOND_MAC, B, 60]] }, `lease ${B}`],
    ['of two leases the one that lasts longer', { search: found(net(0, MAC)), leases: [[MAC, A, 60], [MAC, B, 90]] }, `lease ${B}`],
    ['an expired lease is none', { search: found(net(0, MAC)), leases: [[MAC, A, -1]] }, 'unresolved: there is no lease for it'],
    ['somebody else\'s lease is none', { search: found(net(0, MAC)), leases: [[OTHERS_MAC, A, 60]] }, 'unresolved: there is no lease for it'],
    ['no interface, no address', { search: found(), leases: [[MAC, A, 60]] }, 'unresolved: there is no lease for it'],
    ['the last known one where there is no lease', { search: found(net(0, MAC)), remembered: remembered(A) }, `last-known ${A} (there is no lease for it)`],
    ['not the last known one of another MAC', { search: found(net(0, SECOND_MAC)), remembered: remembered(A) }, 'unresolved: there is no lease for it'],
    ['not the last known one that somebody else has a lease of', { search: found(net(0, MAC)), remembered: remembered(A), leases: [[OTHERS_MAC, A, 60]] }, 'unresolved: there is no lease for it'],
    ['the last known one, though somebody else had a lease of it', { search: found(net(0, MAC)), remembered: remembered(A), leases: [[OTHERS_MAC, A, -60]] }, `last-known ${A} (there is no lease for it)`],
    ['a new lease, not the last known one', { search: found(net(0, MAC)), remembered: remembered(A), leases: [[MAC, B, 60]] }, `lease ${B}`],
    ['none where two MACs hold the address', { search: found(net(0, MAC)), leases: [[MAC, A, 60], [OTHERS_MAC, A, 60]] }, `unresolved: another MAC has a lease of its address ${A}`],
    ['none where its static address is leased to another MAC', { search: found(net(0, MAC, A)), leases: [[OTHERS_MAC, A, 60]] }, `unresolved: another MAC has a lease of its address ${A}`],
    ['nothing where several claim to be it', { search: { kind: 'several', reason: 'two' }, remembered: remembered(A), leases: [[MAC, A, 60]] }, 'unresolved: two'],
    ['nothing where Proxmox knows of none', { search: { kind: 'none', gone: false, reason: 'none' }, remembered: remembered(A), leases: [[MAC, A, 60]] }, 'unresolved: none'],
  ])('%s', async (_, scene, expected) => {
    expect(await addressOf(scene)).toBe(expected);
  });
});

describe('the container as the judge', () => {
  test.each<[string, Scene, string]>([
    ['between two leases', { search: found(net(0, MAC)), leases: [[MAC, A, 60], [MAC, B, 90]], own: ['127.0.0.1', A] }, `lease ${A}`],
    ['between static address and lease', { search: found(net(0, MAC, A)), leases: [[MAC, B, 60]], own: [B] }, `lease ${B}`],
    ['between two interfaces', { search: found(net(0, MAC), net(1, SECOND_MAC)), leases: [[MAC, A, 60], [SECOND_MAC, B, 60]], own: [B] }, `lease ${B}`],
    ['on its own static address, that another MAC has a lease of', { search: found(net(0, MAC, A)), leases: [[OTHERS_MAC, A, 60]], own: [A] }, `static ${A}`],
    ['on a lease that expired', { search: found(net(0, MAC)), leases: [[MAC, A, -60]], own: [A] }, `interfaces ${A}`],
    ['on the last known one', { search: found(net(0, MAC)), remembered: remembered(A), own: [A] }, `interfaces ${A}`],
    ['against the last known one', { search: found(net(0, MAC)), remembered: remembered(A), own: [B] }, 'unresolved: there is no lease for it, and it runs with another address than its last known one'],
    ['not while it has no address yet', { search: found(net(0, MAC)), remembered: remembered(A), own: ['127.0.0.1', '::1', 'fe80::1'] }, `last-known ${A} (there is no lease for it)`],
    ['not with an address that nobody else knows of', { search: found(net(0, MAC)), leases: [], own: [C] }, 'unresolved: there is no lease for it'],
    ['not against all others', { search: found(net(0, MAC)), leases: [[MAC, A, 60], [MAC, B, 90]], own: [C] }, `lease ${B}`],
    ['not on an expired lease that is somebody else\'s now', { search: found(net(0, MAC)), leases: [[MAC, A, -60], [OTHERS_MAC, A, 60]], own: [A] }, 'unresolved: there is no lease for it'],
  ])('%s', async (_, scene, expected) => {
    expect(await addressOf(scene)).toBe(expected);
  });

  test('nobody is asked where all agree', async () => {
    expect((await see({ search: found(net(0, MAC), net(1, SECOND_MAC)), remembered: remembered(B), leases: [[MAC, A, 60]], own: [B] })).asked).toBe(false);
    expect((await see({ search: found(net(0, MAC, A)), leases: [[MAC, A, 60]] })).asked).toBe(false);
  });
});

describe('with something away', () => {
  test.each<[string, Scene, string]>([
    ['Proxmox: the lease of the MAC that is remembered, at the same address', { search: AWAY, remembered: remembered(A), leases: [[MAC, A, 60]] }, `last-known ${A} (Proxmox does not answer)`],
    ['Proxmox: the lease of the MAC that is remembered, at another address', { search: AWAY, remembered: remembered(A), leases: [[MAC, B, 60]] }, `lease ${B} (Proxmox does not answer)`],
    ['Proxmox: the last known address where there is no lease', { search: AWAY, remembered: remembered(A) }, `last-known ${A} (Proxmox does not answer)`],
    ['Proxmox: a static address stays one', { search: AWAY, remembered: remembered(A, { source: 'static' }), leases: [[MAC, B, 60]] }, `last-known ${A} (Proxmox does not answer)`],
    ['Proxmox: not an address that somebody else has a lease of', { search: AWAY, remembered: remembered(A), leases: [[OTHERS_MAC, A, 60]] }, 'unresolved: Proxmox does not answer'],
    ['Proxmox: nothing of a device that was never seen', { search: AWAY, leases: [[MAC, A, 60]] }, 'unresolved: Proxmox does not answer'],
    ['Proxmox: an address without a MAC, whoever has a lease of it', { search: AWAY, remembered: remembered(A, { macs: [], mac: undefined }), leases: [[OTHERS_MAC, A, 60]] }, `last-known ${A} (Proxmox does not answer)`],
    ['the lease file: the last known address', { search: found(net(0, MAC)), remembered: remembered(A), leases: null }, `last-known ${A} (the lease file is missing)`],
    ['the lease file: the last known address, which the container confirms', { search: found(net(0, MAC)), remembered: remembered(A), leases: null, own: [A] }, `last-known ${A} (the lease file is missing)`],
    ['the lease file: nothing of a device that was never seen', { search: found(net(0, MAC)), leases: null }, 'unresolved: the lease file is missing'],
    ['the lease file: a static address needs none', { search: found(net(0, MAC, A)), leases: null }, `static ${A}`],
    ['both', { search: AWAY, remembered: remembered(A), leases: null }, `last-known ${A} (Proxmox does not answer)`],
  ])('%s', async (_, scene, expected) => {
    expect(await addressOf(scene)).toBe(expected);
  });
});

describe('an address is lost', () => {
  test.each<[string, Scene, readonly string[]]>([
    ['when somebody else has a lease of it', { search: found(net(0, MAC)), remembered: remembered(A), leases: [[OTHERS_MAC, A, 60]] }, [A]],
    ['also where the device has another one now', { search: found(net(0, MAC)), remembered: remembered(A), leases: [[OTHERS_MAC, A, 60], [MAC, B, 60]] }, [A]],
    ['also while Proxmox is away', { search: AWAY, remembered: remembered(A), leases: [[OTHERS_MAC, A, 60]] }, [A]],
    ['when its container has another MAC, and the old one the lease', { search: found(net(0, SECOND_MAC)), remembered: remembered(A), leases: [[MAC, A, 60]] }, [A]],
    ['when it is served and not even remembered', { search: found(net(0, MAC)), served: [B], leases: [[OTHERS_MAC, B, 60]] }, [B]],
    ['with its container', { search: { kind: 'none', gone: true, reason: 'removed' }, remembered: remembered(A), served: [B] }, [B, A]],
    ['not when it moved and nobody else has it', { search: found(net(0, MAC)), remembered: remembered(A), leases: [[MAC, B, 60]] }, []],
    ['not when its second interface has it', { search: found(net(0, MAC), net(1, SECOND_MAC)), remembered: remembered(A), leases: [[SECOND_MAC, A, 60], [MAC, B, 60]] }, []],
    ['not when its container has a new MAC that took the lease over', { search: found(net(0, SECOND_MAC)), remembered: remembered(A), leases: [[SECOND_MAC, A, 60]] }, []],
    ['not when the other lease expired', { search: found(net(0, MAC)), remembered: remembered(A), leases: [[OTHERS_MAC, A, -1]] }, []],
    ['not when no MAC of the device is known', { search: AWAY, remembered: remembered(A, { macs: [], mac: undefined }), leases: [[OTHERS_MAC, A, 60]] }, []],
    ['not when Proxmox does not know it, and never said that it is gone', { search: { kind: 'none', gone: false, reason: 'none' }, remembered: remembered(A) }, []],
    ['not when the lease file is missing', { search: found(net(0, MAC)), remembered: remembered(A), leases: null }, []],
  ])('%s', async (_, scene, expected) => {
    expect((await see(scene)).lost.map(({ address }) => address)).toEqual(expected);
  });
});

const ADDRESSES = [A, B, C];
const someLeases = fc.array(fc.tuple(fc.constantFrom(MAC, SECOND_MAC, OTHERS_MAC), fc.constantFrom(...ADDRESSES), fc.constantFrom(-60, 0, 60, 90)), { maxLength: 6 });
const someNets = fc.constantFrom<ContainerNet[]>([net(0, MAC)], [net(0, MAC), net(1, SECOND_MAC)], [net(0, MAC, A)], [net(0, SECOND_MAC, B), net(1, MAC)], []);
const someMemory = fc.option(fc.tuple(fc.constantFrom(...ADDRESSES), fc.constantFrom(MAC, SECOND_MAC), fc.constantFrom('lease', 'static', 'interfaces')).map(([address, mac, source]) => remembered(address, { mac, macs: [mac], source: source as 'lease' })), { nil: undefined });
const someSearch = fc.oneof(someNets.map((nets) => found(...nets)), fc.constant(AWAY));
const someOwn = fc.option(fc.subarray([...ADDRESSES, '127.0.0.1', '192.0.2.1']), { nil: undefined });

describe('whatever the sources say', () => {
  const scenes = fc.record({ search: someSearch, remembered: someMemory, leases: fc.option(someLeases, { nil: null }), own: someOwn, served: fc.subarray(ADDRESSES) })
    .map(({ remembered: known, own, ...rest }): Scene => ({ ...rest, ...(known === undefined ? {} : { remembered: known }), ...(own === undefined ? {} : { own }) }));
  const macsIn = ({ search, remembered: known }: Scene): readonly string[] => (search.kind === 'found' ? search.container.nets.map(({ mac }) => mac) : (known?.macs ?? []));
  const leased = (scene: Scene, address: string, mine: boolean): boolean =>
    (scene.leases ?? []).some(([mac, leasedAddress, seconds]) => leasedAddress === address && seconds >= 0 && macsIn(scene).includes(mac) === mine);

  test('no address is used that others alone have a lease of, but a static one that its container confirms', async () => {
    await fc.assert(fc.asyncProperty(scenes, async (scene) => {
      const { address } = await see(scene);
      if (address.kind !== 'found' || !leased(scene, address.address, false)) return;
      expect(scene.own ?? []).toContain(address.address);
      expect(leased(scene, address.address, true) || address.source === 'static').toBe(true);
    }));
  });

  test('no address is used that only the container speaks of', async () => {
    await fc.assert(fc.asyncProperty(scenes, async (scene) => {
      const { address } = await see(scene);
      if (address.kind !== 'found') return;
      const known = [...(scene.leases ?? []).filter(([mac]) => macsIn(scene).includes(mac)).map(([, one]) => one), scene.remembered?.address, ...(scene.search.kind === 'found' ? scene.search.container.nets.flatMap((one) => one.staticAddresses) : [])];
      expect(known).toContain(address.address);
    }));
  });

  test('what is used is not lost, and what is lost is held by others', async () => {
    await fc.assert(fc.asyncProperty(scenes, async (scene) => {
      const { address, lost } = await see(scene);
      for (const one of lost) {
        expect(leased(scene, one.address, false)).toBe(true);
        if (address.kind === 'found') expect(one.address).not.toBe(address.address);
      }
    }));
  });
});
