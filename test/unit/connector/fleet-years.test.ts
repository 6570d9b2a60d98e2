import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mostInWindow, SimulatedWorld, seededRandom, SOUND } from './simulated-world.js';
import type { Nature } from './simulated-world.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Asked less often than in life, or ten years would be 63 million questions. */
const PATIENT = { readyProbeMs: 30 * MINUTE };

describe('ten simulated years of network trouble', () => {
  test('never two owners, never a hot loop, nothing in vain, and it always comes back', () => {
    const world = new SimulatedWorld(7, PATIENT);
    const random = seededRandom(11);
    world.post({ type: 'promote', revision: 1 });
    world.advance(MINUTE);
    let outages = 0;
    while (world.now < 3_650 * DAY) {
      world.advance(random() * 5 * DAY);
      const before = world.launches.length;
      world.networkUp = false;
      world.resolverAlive = random() < 0.5;
      world.advance(outages % 100 === 0 ? 6 * HOUR : random() ** 3 * 10 * MINUTE);
      // One that runs reconnects by itself: a start would be in vain.
      expect(world.launches.length).toBe(before);
      world.networkUp = true;
      world.resolverAlive = true;
      world.advance(3 * MINUTE);
      expect(world.kept()?.machine.phase.name).toBe('ready');
      // Now and then more goes wrong than the network.
      const trouble = random();
      if (trouble < 0.05) world.signalFromOutside('SIGKILL');
      else if (trouble < 0.1) world.signalFromOutside('SIGTERM');
      world.advance(MINUTE);
      expect(world.kept()?.machine.phase.name).toBe('ready');
      expect(world.running()).toHaveLength(1);
      outages += 1;
    }
    expect(outages).toBeGreaterThan(1_000);
    expect(mostInWindow(world.launches.map((launch) => launch.at), MINUTE)).toBeLessThanOrEqual(3);
    // A few questions a second at most, over all the years.
    expect(world.steps / (world.now / 1_000)).toBeLessThan(0.1);
  }, 60_000);
});

const nature = fc.record<Nature>({
  readyAfterMs: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 20, max: 5_000 }) }, { weight: 1, arbitrary: fc.constantFrom(undefined, -1) }),
  crashAfterMs: fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 30_000 }) }),
  drainMs: fc.integer({ min: 1, max: 40_000 }),
  ignoresSigterm: fc.boolean(),
});

const happening = fc.oneof(
  fc.constantFrom('network-down', 'network-up', 'resolver-dies', 'resolver-lives', 'tunnel-deleted', 'tunnel-made', 'config-breaks', 'config-mended',
    'port-taken', 'port-free', 'killed', 'told-to-stop', 'change', 'change-rolled-back', 'rollback', 'address-withdrawn', 'upgrade', 'upgrade-rolled-back'),
  nature,
);
const history = fc.array(fc.tuple(fc.oneof(fc.integer({ max: 10_000, min: 0 }), fc.integer({ max: 20 * MINUTE, min: 0 })), happening), { maxLength: 40 });

function happen(world: SimulatedWorld, what: string | Nature, revision: { current: number; next: number }): void {
  if (typeof what !== 'string') {
    world.nature = what;
    return;
  }
  switch (what) {
    case 'network-down': world.networkUp = false; return;
    case 'network-up': world.networkUp = true; return;
    case 'resolver-dies': world.resolverAlive = false; return;
    case 'resolver-lives': world.resolverAlive = true; return;
    case 'tunnel-deleted': world.tunnelExists = false; return;
    case 'tunnel-made': world.tunnelExists = true; world.fileMark += 1; return;
    case 'config-breaks': world.brokenRevisions.add(revision.current); return;
    case 'config-mended': world.brokenRevisions.clear(); world.fileMark += 1; return;
    case 'port-taken': world.portTaken = true; return;
    case 'port-free': world.portTaken = false; return;
    case 'killed': world.signalFromOutside('SIGKILL'); return;
    case 'told-to-stop': world.signalFromOutside('SIGTERM'); return;
    case 'rollback': world.post({ type: 'promote', revision: revision.current }); return;
    case 'address-withdrawn': for (const slot of world.fleet.slots) world.post({ type: 'dismiss', key: slot.key, how: 'kill' }); return;
    default: break;
  }
  // A transaction: start beside, then promote and retire the others, or retire it. An upgrade starts one on the same revision.
  const isUpgrade = what.startsWith('upgrade');
  const started = isUpgrade ? (world.kept()?.machine.revision ?? revision.current) : revision.next;
  const before = world.fleet.slots.filter((slot) => !slot.dismissed).map((slot) => slot.key);
  const candidate = world.fleet.nextId;
  world.post({ type: 'start', revision: started });
  world.advance(200);
  if (what === 'upgrade') {
    world.post({ type: 'prefer', key: candidate });
    for (const key of before) world.post({ type: 'dismiss', key, how: 'drain' });
  } else if (what === 'change') {
    world.post({ type: 'promote', revision: revision.next });
    for (const key of before) world.post({ type: 'dismiss', key, how: 'drain' });
    revision.current = revision.next;
  } else world.post({ type: 'dismiss', key: candidate, how: 'drain' });
  if (!isUpgrade) revision.next += 1;
}

describe('any history of trouble', () => {
  const run = (seed: number, overlap: boolean, events: readonly (readonly [number, string | Nature])[]): SimulatedWorld => {
    const world = new SimulatedWorld(seed, {}, overlap);
    const revision = { current: 1, next: 2 };
    world.post({ type: 'promote', revision: 1 });
    for (const [pause, what] of events) {
      world.advance(pause);
      happen(world, what, revision);
    }
    return world;
  };

  test('ends well once the trouble does: one ready connector on the last revision, and no other process', () => {
    fc.assert(fc.property(fc.integer(), fc.boolean(), history, (seed, overlap, events) => {
      const world = run(seed, overlap, events);
      world.networkUp = world.resolverAlive = world.tunnelExists = true;
      world.portTaken = false;
      world.brokenRevisions.clear();
      world.fileMark += 1;
      world.nature = SOUND;
      const revision = world.kept()?.machine.revision;
      world.advance(11 * MINUTE);
      const ready = world.running().filter((process) => world.isReady(process));
      if (revision === undefined) expect(ready).toEqual([]);
      else {
        expect(world.kept()?.machine.phase.name).toBe('ready');
        expect(ready.map((process) => process.revision)).toEqual([revision]);
      }
      expect(world.running().length).toBe(ready.length);
    }), { numRuns: 200 });
  });

  test('stopping ends every process within the stop timeout, and nothing is started after it', () => {
    fc.assert(fc.property(fc.integer(), history, (seed, events) => {
      const world = run(seed, true, events);
      world.post({ type: 'close' });
      const before = world.launches.length;
      world.advance(world.policy.stopTimeoutMs + 2 * world.policy.killAgainMs);
      expect(world.running()).toEqual([]);
      expect(world.fleet.slots).toEqual([]);
      world.advance(HOUR);
      expect(world.launches.length).toBe(before);
    }), { numRuns: 150 });
  });

  test('a broken config never causes more than five starts a minute', () => {
    fc.assert(fc.property(fc.integer(), fc.array(fc.tuple(fc.integer({ min: 0, max: 6_000 }), fc.constantFrom('touched', 'touched', 'touched', 'network-down', 'network-up', 'killed', 'port-taken', 'port-free')), { maxLength: 60 }), (seed, events) => {
      const world = new SimulatedWorld(seed);
      world.brokenRevisions.add(1);
      world.post({ type: 'promote', revision: 1 });
      for (const [pause, what] of events) {
        world.advance(pause);
        if (what === 'touched') world.fileMark += 1;
        else happen(world, what, { current: 1, next: 2 });
      }
      world.advance(30 * MINUTE);
      expect(mostInWindow(world.launches.map((launch) => launch.at), MINUTE)).toBeLessThanOrEqual(5);
    }), { numRuns: 200 });
  });

  test('whatever always fails is started rarely, the more rarely the less it served, and never given up', () => {
    fc.assert(fc.property(fc.integer(), fc.integer({ min: 0, max: 4_000 }), fc.constantFrom(undefined, 100, 3_000), (seed, crashAfterMs, readyAfterMs) => {
      const world = new SimulatedWorld(seed);
      world.nature = { ...SOUND, readyAfterMs, crashAfterMs };
      world.post({ type: 'promote', revision: 1 });
      world.advance(20 * MINUTE);
      const starts = world.launches.map((launch) => launch.at);
      // The most often: one that serves for three seconds, and dies again.
      expect(mostInWindow(starts, MINUTE)).toBeLessThanOrEqual(24);
      const late = starts.filter((at) => at > 10 * MINUTE).length;
      expect(late).toBeGreaterThanOrEqual(1);
      if (readyAfterMs === undefined || crashAfterMs < readyAfterMs) expect(late).toBeLessThanOrEqual(15);
      expect(world.running().length).toBeLessThanOrEqual(1);
    }), { numRuns: 40 });
  });
});
