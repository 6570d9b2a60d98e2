import { rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { interfacesWith, managed } from '../../fixtures/proxmox/fake-proxmox.mjs';
import { createDeviceWorld, resolveOne, type DeviceWorld } from './device-world.js';

const MAC = 'bc:24:11:00:00:01';
const OTHERS_MAC = 'bc:24:11:00:00:99';
const [A, B] = ['10.10.0.101', '10.10.0.102'] as const;

/** Device 598 in container 101, with a lease of A, seen once. */
async function knownWorld(): Promise<DeviceWorld> {
  const world = await createDeviceWorld();
  world.proxmox.containers.set(101, { config: managed('598', MAC) });
  await world.writeLeases([MAC, A]);
  expect(await resolveOne(world.devices, '598')).toBe(`lease ${A}`);
  return world;
}

describe('from device to container', () => {
  test('by Portacode\'s own record: one request, checked against the description', async () => {
    const world = await createDeviceWorld();
    await world.writeRecord(101, { device_id: 598, vmid: 101, hostname: 'web' });
    world.proxmox.containers.set(101, { config: managed('598', MAC) });
    world.proxmox.containers.set(102, { config: managed('598', OTHERS_MAC) });
    await world.writeLeases([MAC, A], [OTHERS_MAC, B]);
    expect(await resolveOne(world.devices, '598')).toBe(`lease ${A}`);
    expect(world.proxmox.requests).toEqual(['/nodes/pve/lxc/101/config']);
  });

  test.each<[string, unknown]>([
    ['of a number that is used again', { device_id: '598', vmid: 102 }],
    ['of a number that is gone', { device_id: '598', vmid: 999 }],
    ['that is half-written', '{"device_id":"598","vm'],
    ['without a number', { device_id: '598' }],
    ['of nobody', { vmid: 101 }],
  ])('a record %s is not believed', async (_, record) => {
    const world = await createDeviceWorld();
    await world.writeRecord(102, record);
    world.proxmox.containers.set(101, { config: managed('598', MAC) });
    world.proxmox.containers.set(102, { config: managed('700', OTHERS_MAC) });
    await world.writeLeases([MAC, A], [OTHERS_MAC, B]);
    expect(await resolveOne(world.devices, '598')).toBe(`lease ${A}`);
    expect(await resolveOne(world.devices, '700')).toBe(`lease ${B}`);
  });

  test('records that contradict each other are settled by Proxmox', async () => {
    const world = await createDeviceWorld();
    await world.writeRecord(101, { device_id: '598', vmid: 101 });
    await world.writeRecord(102, { device_id: '598', vmid: 102 });
    world.proxmox.containers.set(102, { config: managed('598', MAC) });
    await world.writeLeases([MAC, A]);
    expect(await resolveOne(world.devices, '598')).toBe(`lease ${A}`);
    expect(await world.devices.findVmid('598')).toBe(102);
  });

  test('none and several are errors, for that device alone', async () => {
    const world = await createDeviceWorld();
    world.proxmox.containers.set(101, { config: managed('598', MAC) });
    world.proxmox.containers.set(102, { config: managed('599', 'bc:24:11:00:00:02') });
    world.proxmox.containers.set(103, { config: managed('599', 'bc:24:11:00:00:03') });
    world.proxmox.containers.set(104, { config: { description: 'portacode-managed:true;device_id=600;device_id=601', net0: 'hwaddr=bc:24:11:00:00:04' } });
    await world.writeLeases([MAC, A]);
    const answers = await world.devices.resolve(['598', '599', '600', '602']);
    expect(answers.get('598')).toMatchObject({ kind: 'found', address: A });
    expect(answers.get('599')).toEqual({ kind: 'unresolved', reason: 'the containers 102 and 103 both have its id in their description' });
    expect(answers.get('600')).toEqual({ kind: 'unresolved', reason: 'no container on node pve has its id in its description' });
    expect(answers.get('602')).toMatchObject({ kind: 'unresolved' });
    await expect(world.devices.findVmid('599')).rejects.toMatchObject({ code: 'DEVICE_AMBIGUOUS' });
    await expect(world.devices.findVmid('602')).rejects.toMatchObject({ code: 'DEVICE_UNKNOWN' });
  });

  test('many devices are one look at the node', async () => {
    const world = await createDeviceWorld();
    const macs = Array.from({ length: 40 }, (_, index) => `bc:24:11:00:01:${index.toString(16).padStart(2, '0')}`);
    for (const [index, mac] of macs.entries()) world.proxmox.containers.set(200 + index, { config: managed(String(600 + index), mac) });
    await world.writeLeases(...macs.map((mac, index) => [mac, `10.10.0.${100 + index}`] as const));
    const answers = await world.devices.resolve(macs.map((_, index) => String(600 + index)));
    expect([...answers.values()].every(({ kind }) => kind === 'found')).toBe(true);
    expect(world.proxmox.requests).toHaveLength(41);
  });

  test('the judge is asked where two leases disagree', async () => {
    const world = await createDeviceWorld();
    world.proxmox.containers.set(101, { config: managed('598', MAC), interfaces: interfacesWith(MAC, A) });
    await world.writeLeases([MAC, A, 60], [MAC, B, 600]);
    expect(await resolveOne(world.devices, '598')).toBe(`lease ${A}`);
    world.proxmox.containers.set(101, { config: managed('598', MAC), running: false });
    expect(await resolveOne(world.devices, '598')).toBe(`lease ${B}`);
  });
});

describe('what is away', () => {
  const faults: readonly [string, (world: DeviceWorld) => unknown, RegExp][] = [
    ['refuses connections', (world) => world.proxmox.stop(), /does not answer \(ECONNREFUSED\)/],
    ['does not accept the token', (world) => world.proxmox.fail({ kind: 'status', status: 401, statusText: 'authentication failure' }), /does not accept the token: authentication failure/],
    ['lets the token read nothing', (world) => world.proxmox.fail({ kind: 'status', status: 403, statusText: 'Permission check failed' }), /does not let the token read this: Permission check failed/],
    ['answers 500', (world) => world.proxmox.fail({ kind: 'status', status: 500, statusText: 'internal error' }), /answered 500: internal error/],
    ['answers with a page', (world) => world.proxmox.fail({ kind: 'status', status: 200, body: '<html>' }), /the answer is not JSON/],
    ['answers with something else', (world) => world.proxmox.fail({ kind: 'status', status: 200, body: '{"data":7}' }), /"data" cannot be read/],
    ['cuts every connection', (world) => world.proxmox.fail({ kind: 'reset' }), /does not answer/],
    ['is another node', (world) => world.writeInfra({ node: 'pve2' }), /answered 500: hostname lookup 'pve2' failed/],
    ['says nothing', (world) => world.proxmox.fail({ kind: 'silent' }), /does not answer in time/],
  ];

  test.each(faults)('where Proxmox %s, last known addresses are used, and it is said why', async (_, breakIt, why) => {
    const world = await knownWorld();
    await breakIt(world);
    const answers = await world.devices.resolve(['598', '599']);
    expect(answers.get('598')).toMatchObject({ kind: 'found', source: 'last-known', address: A, mac: MAC, doubt: expect.stringMatching(why) as string });
    expect(answers.get('599')).toMatchObject({ kind: 'unresolved', reason: expect.stringMatching(why) as string });
    expect(await resolveOne(world.reopen(), '598')).toMatch(/^last-known/);
  });

  test('one container that cannot be read hides no other', async () => {
    const world = await knownWorld();
    world.proxmox.containers.set(102, { config: managed('599', OTHERS_MAC) });
    world.proxmox.fail({ kind: 'status', status: 403, statusText: 'Permission check failed' }, /102/);
    const answers = await world.devices.resolve(['598', '599']);
    expect(answers.get('598')).toMatchObject({ source: 'lease' });
    expect(answers.get('599')).toMatchObject({ kind: 'unresolved', reason: expect.stringContaining('does not let the token read this') as string });
  });

  test('without Proxmox\'s file it is said that there is none; half of it is not believed', async () => {
    const world = await knownWorld();
    await writeFile(join(world.stateDir, 'proxmox_infra.json'), '{"host":');
    expect(await resolveOne(world.devices, '598')).toBe(`lease ${A}`);
    expect(await resolveOne(world.reopen(), '598')).toMatch(/^last-known .*\(Proxmox infrastructure is not configured: .* is not JSON\)/);
    await unlink(join(world.stateDir, 'proxmox_infra.json'));
    expect(await resolveOne(world.devices, '598')).toBe(`last-known ${A} (Proxmox infrastructure is not configured)`);
    await expect(world.devices.findVmid('598')).rejects.toMatchObject({ code: 'PROXMOX_NOT_CONFIGURED', message: 'Proxmox infrastructure is not configured.' });
    await world.writeRecord(101, { device_id: '598', vmid: 101 });
    expect(await world.devices.findVmid('598')).toBe(101);
  });

  test('while Proxmox is away, the lease of the known MAC is followed', async () => {
    const world = await knownWorld();
    await world.proxmox.stop();
    await world.writeLeases([MAC, B], [OTHERS_MAC, A]);
    expect(await resolveOne(world.devices, '598')).toMatch(new RegExp(`^lease ${B} \\(Proxmox at .* does not answer`));
    await world.writeLeases([OTHERS_MAC, B]);
    expect(await resolveOne(world.devices, '598')).toMatch(/^unresolved: Proxmox at/);
    await world.writeLeases();
    expect(await resolveOne(world.devices, '598')).toMatch(/^unresolved/);
  });

  test('the lease file: missing, empty, half-written, or no file at all', async () => {
    const world = await knownWorld();
    await truncate(world.leaseFile.path);
    expect(await resolveOne(world.devices, '598')).toBe(`last-known ${A} (there is no lease for it)`);
    await writeFile(world.leaseFile.path, `1893456000 ${MAC} 10.10.0.1`);
    expect(await resolveOne(world.devices, '598')).toBe(`last-known ${A} (there is no lease for it)`);
    await rm(world.leaseFile.path);
    expect(await resolveOne(world.devices, '598')).toBe(`last-known ${A} (the lease file ${world.leaseFile.path} is missing)`);
  });

  test.each(['127.0.0.1', '169.254.169.254', '0.0.0.0', '224.0.0.1', '255.255.255.255'])('a lease of %s, which is no address of a container, takes the known one from nobody', async (address) => {
    const world = await knownWorld();
    await world.writeLeases([MAC, address]);
    expect(await resolveOne(world.devices, '598')).toMatch(new RegExp(`^last-known ${A} \\(there is no lease for it`));
    await world.writeLeases([MAC, B]);
    expect(await resolveOne(world.devices, '598')).toBe(`lease ${B}`);
  });

  test('a line that is being written is waited for', async () => {
    const world = await knownWorld();
    await writeFile(world.leaseFile.path, `1893456000 ${MAC} 10.10.0.1`);
    const answer = resolveOne(world.devices, '598');
    await world.proxmox.requested(/config/, world.proxmox.requests.length);
    await world.writeLeases([MAC, B]);
    expect(await answer).toBe(`lease ${B}`);
  });
});

describe('a container is gone', () => {
  const goneOf = async (world: DeviceWorld, devices = world.devices): Promise<string> => {
    const search = (await devices.look(['598'], { deadlineMs: 5_000 })).get('598')?.search;
    return search?.kind === 'none' ? `none ${search.gone ? 'gone' : 'here'}` : (search?.kind ?? 'nothing');
  };

  test('when Proxmox says that it is not there, and not before it was seen', async () => {
    const world = await createDeviceWorld();
    expect(await goneOf(world)).toBe('none here');
    const known = await knownWorld();
    known.proxmox.containers.delete(101);
    expect(await goneOf(known)).toBe('none gone');
    expect(await goneOf(known, known.reopen())).toBe('none gone');
    expect(await resolveOne(known.devices, '598')).toBe('unresolved: its container 101 was removed');
  });

  test('when its number is another device\'s now', async () => {
    const world = await knownWorld();
    await world.writeRecord(101, { device_id: '598', vmid: 101 });
    world.proxmox.containers.set(101, { config: managed('700', MAC) });
    expect(await goneOf(world)).toBe('none gone');
    expect(await resolveOne(world.devices, '700')).toBe(`lease ${A}`);
  });

  test('when Proxmox answers 500 without a word, if the token sees other containers', async () => {
    const world = await knownWorld();
    world.proxmox.containers.delete(101);
    world.proxmox.fail({ kind: 'status', status: 500 }, /101/);
    expect(await goneOf(world)).toBe('away');
    world.proxmox.containers.set(102, { config: managed('599', OTHERS_MAC) });
    expect(await goneOf(world)).toBe('none gone');
  });

  test.each<[string, (world: DeviceWorld) => unknown, string]>([
    ['the token lost its rights and sees an empty list', (world) => {
      world.proxmox.containers.delete(101);
      world.proxmox.fail({ kind: 'status', status: 403 }, /101/);
    }, 'away'],
    ['another container cannot be read', (world) => {
      world.proxmox.containers.delete(101);
      world.proxmox.containers.set(102, { config: {} });
      world.proxmox.fail({ kind: 'status', status: 500, statusText: 'timeout' }, /102/);
    }, 'away'],
    ['a container is being restored', (world) => world.proxmox.containers.set(101, { config: { lock: 'create' } }), 'away'],
    ['another node is asked', async (world) => {
      world.proxmox.containers.delete(101);
      await world.writeInfra({ node: 'pve2' });
      world.proxmox.fail({ kind: 'status', status: 200, body: '{"data":[]}' }, /pve2/);
    }, 'away'],
    ['the list lacks it, and its own config still has its id', (world) => world.proxmox.fail({ kind: 'status', status: 200, body: '{"data":[]}' }, /lxc$/), 'found'],
    ['its description was lost', (world) => world.proxmox.containers.set(101, { config: { ...managed('598', MAC), description: 'my notes' } }), 'none here'],
    ['Proxmox is away', (world) => world.proxmox.stop(), 'away'],
  ])('not when %s', async (_, change, expected) => {
    const world = await knownWorld();
    await change(world);
    expect(await goneOf(world)).toBe(expected);
  });

  test('and serves on where the list lacks it, and its own config has its id', async () => {
    const world = await knownWorld();
    world.proxmox.fail({ kind: 'status', status: 200, body: '{"data":[]}' }, /lxc$/);
    expect(await resolveOne(world.devices, '598')).toBe(`lease ${A}`);
  });

  test('and what it had is not forgotten while that is not certain', async () => {
    const world = await knownWorld();
    world.proxmox.containers.set(101, { config: { lock: 'create' } });
    expect(await resolveOne(world.devices, '598')).toBe(`last-known ${A} (no container has its id, but one is being created or restored)`);
  });
});

describe('suspicion', () => {
  test('falls on what somebody else has a lease of, without a question to Proxmox', async () => {
    const world = await knownWorld();
    const served = [{ deviceId: '598', address: A }];
    const before = world.proxmox.requests.length;
    expect(await world.devices.suspect(served)).toEqual([]);
    await world.writeLeases([OTHERS_MAC, A]);
    expect(await world.devices.suspect(served)).toEqual(served);
    expect(world.proxmox.requests).toHaveLength(before);
    expect(world.devices.handedOut()).toEqual(served);
    await world.devices.resolve(['598']);
    expect(world.devices.handedOut()).toEqual([]);
  });
});
