import { rm } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { reconcile, type ReconcileAnswer, type ReconcileWish } from '../../../src/devices/reconcile.js';
import { managed } from '../../fixtures/proxmox/fake-proxmox.mjs';
import { createTestClock, type TestClock } from '../../unit/cloudflare/test-clock.js';
import { createDeviceWorld, type DeviceWorld } from './device-world.js';
import { createPublished, type Published } from './published.js';

const MAC = 'bc:24:11:00:00:01';
const OTHERS_MAC = 'bc:24:11:00:00:99';
const [A, B] = ['10.10.0.101', '10.10.0.102'] as const;
const PAUSE_MS = 1_000;

interface Scene {
  readonly world: DeviceWorld;
  readonly published: Published;
  readonly clock: TestClock;
  readonly run: (wish?: ReconcileWish) => Promise<ReconcileAnswer>;
}

/** Device 598 in container 101, published at A; its pauses end when the clock is turned. */
async function createScene(): Promise<Scene> {
  const clock = createTestClock((ms) => ms < PAUSE_MS);
  const world = await createDeviceWorld({ clock: { ...clock, now: () => Date.now() } });
  world.proxmox.containers.set(101, { config: managed('598', MAC) });
  await world.writeLeases([MAC, A]);
  const published = createPublished(world.devices);
  await published.publish('598');
  return { world, published, clock, run: (wish = { deviceId: '598' }) => reconcile({ directory: world.devices, publishing: published, clock }, wish) };
}

/** Lets it pause so often, and turns the clock each time. */
async function pause({ clock }: Scene, times: number): Promise<void> {
  for (let count = 0; count < times; count += 1) {
    await clock.whenAsleep((ms) => ms === PAUSE_MS);
    clock.advance(PAUSE_MS);
  }
}

describe('reconcile', () => {
  test('a device whose address is as it was: no change, and at once', async () => {
    const { published, run, clock } = await createScene();
    expect(await run()).toMatchObject({ changed: false, outcome: 'unchanged', warnings: [] });
    expect(published.changes).toHaveLength(1);
    expect(clock.sleeps).not.toContain(PAUSE_MS);
  });

  test('one that has another lease is published there', async () => {
    const { world, published, run } = await createScene();
    await world.writeLeases([MAC, B]);
    expect(await run()).toMatchObject({ changed: true, outcome: 'applied' });
    expect(published.changes.at(-1)).toBe(`refresh: 598@${B}`);
  });

  test('waits for a lease that comes', async () => {
    const scene = await createScene();
    await scene.world.writeLeases();
    const answer = scene.run();
    await pause(scene, 3);
    await scene.clock.whenAsleep((ms) => ms === PAUSE_MS);
    await scene.world.writeLeases([MAC, B]);
    scene.clock.advance(PAUSE_MS);
    expect(await answer).toMatchObject({ changed: true });
  });

  test('six tries, then the last known address is good enough, and it is said', async () => {
    const scene = await createScene();
    await scene.world.writeLeases();
    const answer = scene.run();
    await pause(scene, 5);
    expect(await answer).toMatchObject({ changed: false, warnings: [{ code: 'DEVICE_ADDRESS_LAST_KNOWN', message: expect.stringContaining('there is no lease for it') as string }] });
    expect(scene.clock.sleeps.filter((ms) => ms === PAUSE_MS)).toHaveLength(5);
  });

  test('as many tries and pauses as it is told', async () => {
    const scene = await createScene();
    await scene.world.writeLeases();
    expect(await scene.run({ deviceId: '598', attempts: 1 })).toMatchObject({ changed: false });
    expect(scene.clock.sleeps).not.toContain(PAUSE_MS);
  });

  test('all devices are looked up once, and nobody is waited for', async () => {
    const { world, run, clock } = await createScene();
    await rm(world.leaseFile.path);
    expect(await run({})).toMatchObject({ changed: false, warnings: [{ code: 'DEVICE_ADDRESS_LAST_KNOWN', message: expect.stringContaining('is missing') as string }] });
    expect(clock.sleeps).not.toContain(PAUSE_MS);
  });

  test('a device without rules concerns nobody', async () => {
    const { world, run } = await createScene();
    const before = world.proxmox.requests.length;
    expect(await run({ deviceId: '1' })).toMatchObject({ changed: false });
    expect(world.proxmox.requests).toHaveLength(before);
  });

  test('an address of somebody else is withdrawn while it waits for a lease', async () => {
    const scene = await createScene();
    await scene.world.writeLeases([OTHERS_MAC, A]);
    const answer = scene.run();
    expect(await scene.published.nextChange()).toBe('withdraw: nowhere');
    await scene.clock.whenAsleep((ms) => ms === PAUSE_MS);
    await scene.world.writeLeases([OTHERS_MAC, A], [MAC, B]);
    scene.clock.advance(PAUSE_MS);
    expect(await answer).toMatchObject({ changed: true });
    expect(scene.published.changes.at(-1)).toBe(`refresh: 598@${B}`);
  });

  test.each<[string, ReconcileWish]>([['one', { deviceId: '598' }], ['all', {}]])('a container that was removed: its rules go when Proxmox says so three times (%s)', async (_, wish) => {
    const scene = await createScene();
    scene.world.proxmox.containers.delete(101);
    const answer = scene.run(wish);
    await pause(scene, 2);
    expect(await answer).toMatchObject({ changed: true, warnings: [] });
    expect(scene.published.changes.slice(1)).toEqual(['withdraw: nowhere', 'remove 598: nowhere']);
    expect(scene.published.current()?.deviceIds).toEqual([]);
  });

  test('one that comes back in the meantime stays', async () => {
    const scene = await createScene();
    scene.world.proxmox.containers.delete(101);
    const answer = scene.run();
    await pause(scene, 1);
    await scene.clock.whenAsleep((ms) => ms === PAUSE_MS);
    scene.world.proxmox.containers.set(105, { config: managed('598', MAC) });
    scene.clock.advance(PAUSE_MS);
    expect(await answer).toMatchObject({ changed: false });
    expect(scene.published.changes.slice(1)).toEqual(['withdraw: nowhere', `refresh: 598@${A}`]);
  });

  test('ends when the daemon does', async () => {
    const scene = await createScene();
    await scene.world.writeLeases();
    const end = new AbortController();
    const answer = scene.run({ deviceId: '598', signal: end.signal });
    await scene.clock.whenAsleep((ms) => ms === PAUSE_MS);
    end.abort(new Error('stopping'));
    await expect(answer).rejects.toThrow('stopping');
  });
});
