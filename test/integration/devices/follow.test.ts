import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { followDevices, POLL_INTERVAL_MS } from '../../../src/devices/follow.js';
import { silentLogger } from '../../../src/host/logging.js';
import { createTestClock, type TestClock } from '../../unit/cloudflare/test-clock.js';
import { managed } from '../../fixtures/proxmox/fake-proxmox.mjs';
import { createDeviceWorld, leaseLines, type DeviceWorld } from './device-world.js';
import { createPublished, type Published } from './published.js';

const mac = (number: number): string => `bc:24:11:00:00:${number.toString(16).padStart(2, '0')}`;
const ip = (number: number): string => `10.10.0.${number}`;
const OTHERS_MAC = mac(0x99);

interface Following {
  readonly world: DeviceWorld;
  readonly published: Published;
  readonly clock: TestClock;
  /** Resolves when it has nothing to do but wait for its next look. */
  readonly idle: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Longer than everything that passes by itself: how long it sleeps between two looks. */
const isNextLook = (ms: number): boolean => ms > 9_000 && ms !== LOOK_DEADLINE_MS;
const LOOK_DEADLINE_MS = 20_000;

/** The devices 1, 2 and 3 at 10.10.0.1, 2 and 3, published and followed. Retries and quiet times take no time. */
async function follow({ passes = (ms: number) => ms <= 1_000, devices = ['1', '2', '3'] } = {}): Promise<Following> {
  const clock = createTestClock(passes);
  const published: { one?: Published } = {};
  const world = await createDeviceWorld({ clock: { ...clock, now: () => Date.now() }, recorded: () => published.one?.current()?.addresses ?? [] });
  for (const number of [1, 2, 3]) world.proxmox.containers.set(100 + number, { config: managed(String(number), mac(number)) });
  await world.writeLeases([mac(1), ip(1)], [mac(2), ip(2)], [mac(3), ip(3)]);
  const one = createPublished(world.devices);
  published.one = one;
  if (devices.length > 0) await one.publish(...devices);
  const end = new AbortController();
  const running = followDevices({ directory: world.devices, publishing: one, leaseFile: world.leaseFile.path, onPublished: one.onPublished, clock, random: () => 0.5, logger: silentLogger }, end.signal);
  const stop = async (): Promise<void> => {
    end.abort(new Error('stopped'));
    await running;
  };
  onTestFinished(stop);
  const idle = (): Promise<void> => clock.whenAsleep(isNextLook);
  await idle();
  return { world, published: one, clock, idle, stop };
}

describe('the lease file', () => {
  test('a device that moved is one change', async () => {
    const { world, published } = await follow();
    await world.writeLeases([mac(1), ip(1)], [mac(2), ip(2)], [mac(3), ip(30)]);
    expect(await published.nextChange()).toBe('refresh: 1@10.10.0.1 2@10.10.0.2 3@10.10.0.30');
    expect(world.events.all.at(-1)).toEqual({ type: 'device.address-changed', data: { deviceId: '3', from: ip(3), to: ip(30), reason: 'it has a lease' } });
  });

  test('three that moved together are one change', async () => {
    const { world, published, idle } = await follow();
    await world.writeLeases([mac(1), ip(10)], [mac(2), ip(20)], [mac(3), ip(30)]);
    expect(await published.nextChange()).toBe('refresh: 1@10.10.0.10 2@10.10.0.20 3@10.10.0.30');
    await idle();
    expect(published.changes).toHaveLength(2);
  });

  test.each<[string, (world: DeviceWorld, text: string) => Promise<void>]>([
    ['replaced', async ({ leaseFile: { path } }, text) => {
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
    }],
    ['removed and created', async ({ leaseFile: { path } }, text) => {
      await rm(path);
      await writeFile(path, text);
    }],
    ['truncated and written piece by piece', async ({ leaseFile: { path } }, text) => {
      const file = await open(path, 'w');
      for (const piece of text.match(/[\s\S]{1,7}/g) ?? []) await file.write(piece);
      await file.close();
    }],
  ])('is noticed when it is %s', async (_, change) => {
    const { world, published, idle } = await follow();
    await change(world, leaseLines([[mac(1), ip(1)], [mac(2), ip(20)], [mac(3), ip(3)]]));
    expect(await published.nextChange()).toBe('refresh: 1@10.10.0.1 2@10.10.0.20 3@10.10.0.3');
    await idle();
    expect(published.changes).toHaveLength(2);
  });

  test('is noticed when its directory goes and comes back', async () => {
    const { world, published, clock } = await follow();
    const directory = dirname(world.leaseFile.path);
    await rename(directory, `${directory}.away`);
    onTestFinished(() => rm(`${directory}.away`, { recursive: true, force: true }));
    await mkdir(directory);
    await world.writeLeases([mac(1), ip(1)], [mac(2), ip(2)], [mac(3), ip(30)]);
    await clock.whenAsleep((ms) => ms === 5_000);
    clock.advance(5_000);
    expect(await published.nextChange()).toMatch(/3@10\.10\.0\.30/);
  });

  test('that says the same again changes nothing, and asks nobody', async () => {
    const { world, published, clock, idle } = await follow();
    const before = world.proxmox.requests.length;
    const sleeps = clock.sleeps.length;
    await world.writeLeases([mac(3), ip(3), 7200], [mac(2), ip(2), 7200], [mac(1), ip(1), 0]);
    await quietPassed(clock, sleeps);
    await idle();
    expect(published.changes).toHaveLength(1);
    expect(world.proxmox.requests).toHaveLength(before);
  });

  test('is read when it was quiet: what is written in between counts with it', async () => {
    const { world, published, clock } = await follow({ passes: (ms) => ms < 200 });
    await world.writeLeases([mac(1), ip(10)], [mac(2), ip(2)], [mac(3), ip(3)]);
    await clock.whenAsleep((ms) => ms === 300);
    const sleeps = clock.sleeps.length;
    await world.writeLeases([mac(1), ip(10)], [mac(2), ip(20)], [mac(3), ip(3)]);
    await quietPassed(clock, sleeps);
    clock.advance(300);
    expect(await published.nextChange()).toBe('refresh: 1@10.10.0.10 2@10.10.0.20 3@10.10.0.3');
  });
});

/** Resolves when it began to wait for quiet after the sleep of that number. */
const quietPassed = async (clock: TestClock, after: number): Promise<void> => {
  while (!clock.sleeps.slice(after).includes(300)) await new Promise((resolve) => setImmediate(resolve));
};

describe('an address that is somebody else\'s', () => {
  test('is withdrawn at once, and the device found where it is', async () => {
    const { world, published } = await follow();
    await world.writeLeases([OTHERS_MAC, ip(1)], [mac(1), ip(10)], [mac(2), ip(2)], [mac(3), ip(3)]);
    expect(await published.nextChange()).toBe('withdraw: 2@10.10.0.2 3@10.10.0.3');
    expect(await published.nextChange()).toBe('refresh: 1@10.10.0.10 2@10.10.0.2 3@10.10.0.3');
  });

  test('does not wait for a change that is under way', async () => {
    const { world, published } = await follow();
    const { reached, release } = published.hold();
    await world.writeLeases([mac(1), ip(10)], [mac(2), ip(2)], [mac(3), ip(3)]);
    await reached;
    await world.writeLeases([mac(1), ip(10)], [OTHERS_MAC, ip(2)], [mac(3), ip(3)]);
    expect(await published.nextChange()).toBe('withdraw: 1@10.10.0.1 3@10.10.0.3');
    release();
    expect(await published.nextChange()).toBe('refresh: 1@10.10.0.10 3@10.10.0.3');
  });

  test('two that swapped are withdrawn together, and come back together', async () => {
    const { world, published } = await follow();
    await world.writeLeases([mac(1), ip(2)], [mac(2), ip(1)], [mac(3), ip(3)]);
    expect(await published.nextChange()).toBe('withdraw: 3@10.10.0.3');
    expect(await published.nextChange()).toBe('refresh: 1@10.10.0.2 2@10.10.0.1 3@10.10.0.3');
  });

  test('is withdrawn while Proxmox is away, and not used again', async () => {
    const { world, published } = await follow();
    await world.proxmox.stop();
    await world.writeLeases([OTHERS_MAC, ip(1)], [mac(2), ip(2)], [mac(3), ip(3)]);
    expect(await published.nextChange()).toBe('withdraw: 2@10.10.0.2 3@10.10.0.3');
    await rm(world.leaseFile.path);
    const answer = (await world.devices.resolve(['1'])).get('1');
    expect(answer?.kind).toBe('unresolved');
  });

  test('stays where Proxmox says that the MAC is the device\'s new one', async () => {
    const { world, published, clock, idle } = await follow();
    world.proxmox.containers.set(101, { config: managed('1', OTHERS_MAC) });
    const before = world.proxmox.requests.length;
    const sleeps = clock.sleeps.length;
    await world.writeLeases([OTHERS_MAC, ip(1)], [mac(2), ip(2)], [mac(3), ip(3)]);
    await world.proxmox.requested(/101\/config/, before);
    await quietPassed(clock, sleeps);
    await idle();
    expect(published.changes.filter((change) => change.startsWith('withdraw'))).toEqual([]);
    expect(published.current()?.addresses[0]).toMatchObject({ address: ip(1), mac: OTHERS_MAC });
  });

  test('is withdrawn from what a change is about to publish', async () => {
    const { world, published, idle } = await follow({ devices: [] });
    await published.publish('1');
    await idle();
    // What a change resolves while another one is published, and publishes when it is not true any more.
    await world.devices.resolve(['2']);
    await world.writeLeases([mac(1), ip(1)], [OTHERS_MAC, ip(2)]);
    expect(await published.nextChange()).toBe('withdraw: unchanged');
    await new Promise((resolve) => setImmediate(resolve));
    expect(world.devices.handedOut()).toEqual([{ deviceId: '1', address: ip(1) }]);
  });
});

describe('Proxmox', () => {
  test('is asked now and then: a container with another MAC', async () => {
    const { world, published, clock, idle } = await follow();
    world.proxmox.containers.set(102, { config: managed('2', OTHERS_MAC) });
    await world.writeLeases([mac(1), ip(1)], [mac(2), ip(2)], [mac(3), ip(3)], [OTHERS_MAC, ip(20)]);
    clock.advance(POLL_INTERVAL_MS * 1.2);
    expect(await published.nextChange()).toBe('withdraw: 1@10.10.0.1 3@10.10.0.3');
    expect(await published.nextChange()).toBe('refresh: 1@10.10.0.1 2@10.10.0.20 3@10.10.0.3');
    await idle();
  });

  test('a container that was removed: withdrawn at once, its rules go when Proxmox says so again', async () => {
    const { world, published, clock } = await follow();
    world.proxmox.containers.delete(102);
    clock.advance(POLL_INTERVAL_MS * 1.2);
    expect(await published.nextChange()).toBe('withdraw: 1@10.10.0.1 3@10.10.0.3');
    await clock.whenAsleep((ms) => ms === 4_000);
    clock.advance(4_000);
    expect(await published.nextChange()).toBe('remove 2: 1@10.10.0.1 3@10.10.0.3');
    expect(published.current()?.deviceIds).toEqual(['1', '3']);
  });

  test('nothing is removed while it is away', async () => {
    const { world, published, clock, idle } = await follow();
    world.proxmox.containers.delete(102);
    await world.proxmox.stop();
    clock.advance(POLL_INTERVAL_MS * 1.2);
    await idle();
    expect(published.changes).toHaveLength(1);
  });

  test('a device that could not be found is looked for again soon', async () => {
    const { world, published, clock, idle } = await follow({ devices: ['1', '4'] });
    world.proxmox.containers.set(104, { config: managed('4', mac(4), { ip: `${ip(4)}/24` }) });
    clock.advance(30_000);
    expect(await published.nextChange()).toBe('refresh: 1@10.10.0.1 4@10.10.0.4');
    await idle();
  });

  test('is not asked where nothing leads to a device', async () => {
    const { world, clock, idle, published } = await follow({ devices: [] });
    clock.advance(POLL_INTERVAL_MS * 1.2);
    await idle();
    expect(world.proxmox.requests).toEqual([]);
    await published.publish('1');
    await idle();
    await world.writeLeases([mac(1), ip(10)]);
    expect(await published.nextChange()).toBe('refresh: 1@10.10.0.10');
  });
});

describe('one that moves all the time', () => {
  /** All that is slept for to wait passes; deadlines and looks at the file do not. */
  const waits = (ms: number): boolean => ms <= 60_000 && ![1_500, 4_000, 5_000, 6_000, LOOK_DEADLINE_MS].includes(ms);

  test('gets slower and slower changes, and the others do not wait for it', async () => {
    const { world, published, clock } = await follow({ passes: waits });
    const at: number[] = [];
    for (const number of [10, 11, 12, 13, 14, 15, 16, 17]) {
      await world.writeLeases([mac(1), ip(number)], [mac(2), ip(2)], [mac(3), ip(3)]);
      expect(await published.nextChange()).toBe(`refresh: 1@${ip(number)} 2@10.10.0.2 3@10.10.0.3`);
      at.push(clock.monotonic());
    }
    const gaps = at.slice(1).map((ms, index) => ms - (at[index] ?? 0));
    for (const [index, least] of [1_000, 1_000, 1_000, 1_000, 2_000, 4_000, 8_000].entries()) expect(gaps[index]).toBeGreaterThanOrEqual(least);
    await world.writeLeases([mac(1), ip(18)], [mac(2), ip(20)], [mac(3), ip(3)]);
    expect(await published.nextChange()).toBe('refresh: 1@10.10.0.18 2@10.10.0.20 3@10.10.0.3');
    expect(clock.monotonic() - (at.at(-1) ?? 0)).toBeLessThan(8_000);
  });

  test('is withdrawn at once all the same', async () => {
    const { world, published, clock } = await follow({ passes: (ms) => ms <= 300 });
    await world.writeLeases([mac(1), ip(10)], [mac(2), ip(2)], [mac(3), ip(3)]);
    expect(await published.nextChange()).toMatch(/^refresh: 1@10\.10\.0\.10/);
    const before = clock.monotonic();
    await world.writeLeases([mac(1), ip(11)], [OTHERS_MAC, ip(10)], [mac(2), ip(2)], [mac(3), ip(3)]);
    expect(await published.nextChange()).toBe('withdraw: 2@10.10.0.2 3@10.10.0.3');
    expect(clock.monotonic() - before).toBeLessThan(2_000);
  });
});

describe('a change that fails', () => {
  test('is tried again', async () => {
    const { world, published, clock } = await follow();
    published.failNext(new Error('no connector'));
    await world.writeLeases([mac(1), ip(10)], [mac(2), ip(2)], [mac(3), ip(3)]);
    // Unless the kernel tells of the file twice, and so it is tried again before.
    void clock.whenAsleep((ms) => ms > 10_000 && ms <= 15_000).then(() => clock.advance(15_000));
    expect(await published.nextChange()).toMatch(/^refresh: 1@10\.10\.0\.10/);
  });

  test('a withdrawal too', async () => {
    const { world, published } = await follow();
    published.failNext(new Error('disk full'));
    await world.writeLeases([OTHERS_MAC, ip(1)], [mac(2), ip(2)], [mac(3), ip(3)]);
    expect(await published.nextChange()).toBe('withdraw: 2@10.10.0.2 3@10.10.0.3');
  });
});
