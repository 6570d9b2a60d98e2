import { describe, expect, onTestFinished, test } from 'vitest';
import { createBridgeWorld, lacksForBridge, type BridgeWorld } from './bridge-world.js';

const lack = lacksForBridge();

const MAC = 'bc:24:11:00:00:01';
const OTHER_MAC = 'bc:24:11:00:00:02';
const STRANGERS_MAC = 'bc:24:11:00:00:99';
const RULE = { hostname: '598.example.com', destination: 'http://[598]:8080' };
const OTHER_RULE = { hostname: '599.example.com', destination: 'http://[599]:8080' };

/** A domain is connected, and the containers of the devices 598 and 599 run beside one of a stranger. */
async function createWorld(): Promise<BridgeWorld> {
  const world = await createBridgeWorld();
  onTestFinished(() => world.close());
  await world.call('addGuest', 'device 598', { macs: [MAC], vmid: 101, deviceId: '598' });
  await world.call('addGuest', 'device 599', { macs: [OTHER_MAC], vmid: 102, deviceId: '599' });
  await world.call('addGuest', 'stranger', { macs: [STRANGERS_MAC] });
  const { seq } = await world.client.startSetup({ cert: (await world.call('certificate')) as string });
  await world.waitFor(({ type }) => type === 'setup.completed', seq);
  return world;
}

const addressesIn = async (world: BridgeWorld): Promise<readonly (string | null)[]> => (await world.client.status()).rules.map(({ resolvedIp }) => resolvedIp);
const isApplied = ({ type }: { readonly type: string }): boolean => type === 'forwarding.applied';

/** The new connector answers before its revision is the current one: this waits for that. */
async function untilAddresses(world: BridgeWorld, expected: readonly (string | null)[]): Promise<void> {
  let seq = await world.seq();
  while (JSON.stringify(await addressesIn(world)) !== JSON.stringify(expected)) seq = (await world.waitFor(isApplied, seq)).seq;
}

describe.skipIf(lack !== undefined)(`devices behind the real dnsmasq${lack === undefined ? '' : ` (${lack})`}`, () => {
  test('a name waits for its device, and follows its lease when it comes', async () => {
    const world = await createWorld();
    expect(await world.client.replaceForwarding({ rules: [RULE, OTHER_RULE] })).toMatchObject({ warnings: [{ code: 'DEVICE_UNRESOLVED' }, { code: 'DEVICE_UNRESOLVED' }] });
    await world.call('visitUntil', '598.example.com', 503);
    const address = await world.call('lease', 'device 598');
    expect(await world.call('visitUntil', '598.example.com', 'device 598')).toEqual(expect.not.arrayContaining(['stranger', 'device 599']));
    expect(await world.readLeases()).toContain(`${MAC} ${address} `);
    await world.call('lease', 'device 599');
    await world.call('visitUntil', '599.example.com', 'device 599');
    expect(await world.call('visit', '598.example.com')).toMatchObject({ body: 'device 598' });
  });

  test('an address that a stranger gets is not the device\'s any more, and its name follows it', async () => {
    const world = await createWorld();
    const before = await world.call('lease', 'device 598');
    await world.client.replaceForwarding({ rules: [RULE] });
    await world.call('visitUntil', '598.example.com', 'device 598');
    const since = await world.seq();
    await world.call('release', 'device 598');
    expect(await world.call('lease', 'stranger', { ask: before })).toBe(before);
    expect((await world.waitFor(isApplied, since)).data).toMatchObject({ rules: [{ status: 'unresolved' }] });
    expect(await world.call('visit', '598.example.com')).toMatchObject({ status: 503 });
    const after = await world.call('lease', 'device 598');
    expect(after).not.toBe(before);
    expect(await world.call('visitUntil', '598.example.com', 'device 598')).toEqual(expect.not.arrayContaining(['stranger']));
    await untilAddresses(world, [after]);
  });

  test('a lease that expires leaves the last known address, until somebody else gets it', async () => {
    const world = await createWorld();
    const address = await world.call('lease', 'device 598');
    await world.client.replaceForwarding({ rules: [RULE] });
    await world.call('dropClient', 'device 598');
    await world.call('advanceDnsmasq', 300);
    await world.call('lease', 'device 599');
    expect(await world.readLeases()).not.toContain(MAC);
    expect(await world.client.reconcile({})).toMatchObject({ changed: false, warnings: [{ code: 'DEVICE_ADDRESS_LAST_KNOWN' }] });
    expect(await addressesIn(world)).toEqual([address]);
    const since = await world.seq();
    await world.call('lease', 'stranger', { ask: address });
    await world.waitFor(isApplied, since);
    expect(await addressesIn(world)).toEqual([null]);
    expect(await world.call('visit', '598.example.com')).toMatchObject({ status: 503 });
  });

  test('two devices that change places are never served for each other for good', async () => {
    const world = await createWorld();
    const [one, two] = [await world.call('lease', 'device 598'), await world.call('lease', 'device 599')];
    await world.client.replaceForwarding({ rules: [RULE, OTHER_RULE] });
    await world.call('visitUntil', '598.example.com', 'device 598');
    await world.call('release', 'device 598');
    await world.call('release', 'device 599');
    expect([await world.call('lease', 'device 598', { ask: two }), await world.call('lease', 'device 599', { ask: one })]).toEqual([two, one]);
    await world.call('visitUntil', '598.example.com', 'device 598');
    await world.call('visitUntil', '599.example.com', 'device 599');
    await untilAddresses(world, [two, one]);
  });

  test('a container with two interfaces is found at the one that has a lease', async () => {
    const world = await createWorld();
    await world.call('addGuest', 'device 600', { macs: ['bc:24:11:00:00:03', 'bc:24:11:00:00:04'], vmid: 103, deviceId: '600' });
    const second = await world.call('lease', 'device 600', { net: 1 });
    await world.client.replaceForwarding({ rules: [{ hostname: '600.example.com', destination: 'http://[600]:8080' }] });
    await world.call('visitUntil', '600.example.com', 'device 600');
    expect(await addressesIn(world)).toEqual([second]);
    const since = await world.seq();
    const first = await world.call('lease', 'device 600');
    await world.waitFor(isApplied, since);
    expect(await addressesIn(world)).toEqual([first]);
    await world.call('visitUntil', '600.example.com', 'device 600');
    const again = await world.seq();
    await world.call('release', 'device 600');
    await world.waitFor(isApplied, again);
    expect(await addressesIn(world)).toEqual([second]);
  });

  test('dnsmasq and Proxmox may be away: names stay, and a removed container\'s go', async () => {
    const world = await createWorld();
    await world.call('lease', 'device 598');
    await world.call('lease', 'device 599');
    await world.client.replaceForwarding({ rules: [RULE, OTHER_RULE] });
    await world.call('stopDnsmasq');
    await world.call('stopProxmox');
    await world.call('removeContainer', 102);
    expect(await world.client.reconcile({})).toMatchObject({ changed: false, warnings: [{ code: 'DEVICE_ADDRESS_LAST_KNOWN' }, { code: 'DEVICE_ADDRESS_LAST_KNOWN' }] });
    await world.call('visitUntil', '599.example.com', 'device 599');
    await world.call('startDnsmasq');
    await world.call('startProxmox');
    expect(await world.client.reconcile({ device: '599' })).toMatchObject({ changed: true });
    expect(await world.call('recordNames')).toEqual(['598.example.com']);
    expect(await world.call('visit', '598.example.com')).toMatchObject({ body: 'device 598' });
    expect(await world.call('visit', '599.example.com')).not.toMatchObject({ status: 200 });
  });
});
