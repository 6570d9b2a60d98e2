import { describe, expect, test } from 'vitest';
import type { ChangeOptions, ChangeRequest, ReplaceMode } from '../../../src/forwarding/change.js';
import { hostnamesOf } from '../../../src/forwarding/revision-content.js';
import { restart, startSupervisor, TUNNEL, World } from './world.js';

/**
 * A supervisor is killed at every call to the world that a change makes, before and after its effect, and at every
 * boundary between two steps; the next one starts with the connectors still running as orphans, or after a loss of power
 * with what had reached the disk. What is published then is exactly the old or exactly the new, and nothing is left over.
 */

const RULES = [
  { hostname: 'app.example.com', destination: 'http://localhost:1' },
  { hostname: 'old.example.com', destination: 'http://localhost:2' },
];
const NEXT = [
  { hostname: 'app.example.com', destination: 'http://localhost:9' },
  { hostname: 'new.example.com', destination: 'http://localhost:3' },
  { hostname: 'newer.example.com', destination: 'http://localhost:4' },
];
const OTHER_TUNNEL = { ...TUNNEL, id: '99999999-2222-3333-4444-555555555555' };
const JOINED_ELSEWHERE = { ...OTHER_TUNNEL, domain: 'other.org', joined: true };

interface Scenario {
  readonly name: string;
  readonly mode: ReplaceMode;
  readonly before: readonly unknown[] | undefined;
  readonly request: ChangeRequest;
  /** This machine joined the tunnel that it begins on. */
  readonly joined?: true;
  /** How many connectors run afterwards. */
  readonly connectors?: 0;
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'the first rules ever', mode: 'overlap', before: undefined, request: { kind: 'replace', rules: RULES } },
  { name: 'other rules', mode: 'overlap', before: RULES, request: { kind: 'replace', rules: NEXT } },
  { name: 'other rules, by restart', mode: 'restart', before: RULES, request: { kind: 'replace', rules: NEXT } },
  { name: 'another destination alone', mode: 'overlap', before: RULES, request: { kind: 'replace', rules: [{ ...RULES[0], destination: 'http://localhost:7' }, RULES[1]] } },
  { name: 'no rules any more', mode: 'overlap', before: RULES, request: { kind: 'replace', rules: [] } },
  { name: 'another tunnel', mode: 'overlap', before: RULES, request: { kind: 'publish', setup: 'setup-1', tunnel: OTHER_TUNNEL } },
  { name: 'another tunnel, by restart', mode: 'restart', before: RULES, request: { kind: 'publish', setup: 'setup-1', tunnel: OTHER_TUNNEL } },
  { name: 'the first rules of a machine that joined', mode: 'overlap', joined: true, before: [], request: { kind: 'replace', rules: RULES } },
  { name: 'no rules any more on a machine that joined', mode: 'overlap', joined: true, before: RULES, request: { kind: 'replace', rules: [] }, connectors: 0 },
  { name: 'the same, by restart', mode: 'restart', joined: true, before: RULES, request: { kind: 'replace', rules: [] }, connectors: 0 },
  { name: 'joining another tunnel, with rules', mode: 'overlap', before: RULES, request: { kind: 'publish', setup: 'setup-1', tunnel: { ...OTHER_TUNNEL, joined: true } } },
  { name: 'joining a tunnel of another zone, in which no rule is', mode: 'overlap', before: RULES, request: { kind: 'publish', setup: 'setup-1', tunnel: JOINED_ELSEWHERE }, connectors: 0 },
  { name: 'a tunnel of ours after one that was joined', mode: 'overlap', joined: true, before: [], request: { kind: 'publish', setup: 'setup-1', tunnel: OTHER_TUNNEL } },
  { name: 'joining another tunnel after one of ours, both without rules', mode: 'overlap', before: [], request: { kind: 'publish', setup: 'setup-1', tunnel: { ...OTHER_TUNNEL, joined: true } }, connectors: 0 },
];

const OPTIONS: ChangeOptions = { reason: 'user', ifRevision: 0 };

async function prepare(scenario: Scenario): Promise<World> {
  const world = new World();
  world.tunnel = { ...TUNNEL, joined: scenario.joined ?? false };
  if (scenario.request.kind === 'publish') world.staged = scenario.request.tunnel;
  if (scenario.before !== undefined) await startSupervisor(world).writer.submit({ kind: 'replace', rules: scenario.before }, { reason: 'user' });
  world.events.length = 0;
  world.fewestServing = Number.POSITIVE_INFINITY;
  return world;
}

const optionsFor = (world: World): ChangeOptions => ({ ...OPTIONS, ifRevision: world.committed ?? 0 });

/** Everything there is, but numbers that only count: equal worlds have the same snapshot. */
function snapshot(world: World): unknown {
  const committed = world.committed === undefined ? undefined : world.revisions.get(world.committed);
  return {
    published: world.published(),
    ledger: [...world.ledger.keys()].sort(),
    config: committed?.yaml,
    running: world.processes.map(({ config, serving }) => ({ config, serving })),
    artifacts: world.artifacts,
    kept: world.keptArtifacts,
    journals: world.journals.size,
    copyIsCurrent: world.copy === world.committed,
  };
}

describe.each(SCENARIOS)('$name', (scenario) => {
  const finished = async (): Promise<World> => {
    const world = await prepare(scenario);
    await startSupervisor(world, { mode: scenario.mode }).writer.submit(scenario.request, optionsFor(world));
    return world;
  };

  test('is applied, and never without a connector where it overlaps', async () => {
    const world = await finished();
    expect(world.eventTypes()).toEqual(['forwarding.accepted', 'forwarding.applied']);
    expect(world.journals.size).toBe(0);
    expect(world.serving()).toHaveLength(scenario.connectors ?? 1);
    expect(world.processes).toHaveLength(scenario.connectors ?? 1);
    expect(world.copy).toBe(world.committed);
    const startsWithOne = scenario.before !== undefined && !(scenario.joined === true && scenario.before.length === 0);
    if (startsWithOne) expect(world.fewestServing).toBeGreaterThanOrEqual(scenario.mode === 'overlap' && scenario.connectors !== 0 ? 1 : 0);
  });

  test('killed at any call, or without power, it is exactly as before or exactly as after', async () => {
    const before = snapshot(await prepare(scenario));
    const after = snapshot(await finished());
    const probe = await prepare(scenario);
    const counting = startSupervisor(probe, { mode: scenario.mode });
    await counting.writer.submit(scenario.request, optionsFor(probe));
    const total = counting.calls.length;
    // The first thing that the world outside sees, or else the commit; the entry before it says that it begins.
    const decisive = counting.calls.findIndex((name) => name.startsWith('dns.execute') || name === 'revisions.commit');
    expect(counting.calls[decisive - 1]).toBe('journal.append');

    for (const by of ['a signal', 'a loss of power'] as const) {
      for (let call = 0; call < total; call += 1) {
        for (const op of ['before', 'after'] as const) {
          const world = await prepare(scenario);
          const supervisor = startSupervisor(world, { mode: scenario.mode, killAt: { call, op } });
          void supervisor.writer.submit(scenario.request, optionsFor(world)).catch(() => 'it is dead');
          await supervisor.killed;
          if (by === 'a loss of power') world.losePower();
          world.mostRunning = 0;
          await restart(world, { mode: scenario.mode });

          const at = `killed by ${by} ${op} ${supervisor.calls[call]}`;
          const found = snapshot(world);
          const isFinished = call >= decisive || (call === decisive - 1 && op === 'after');
          expect(found, at).toEqual(isFinished ? after : before);
          if (by === 'a loss of power' && scenario.mode === 'restart') expect(world.mostRunning, `${at}: two at once`).toBeLessThanOrEqual(1);
          expect([...world.revisions.keys()].filter((revision) => revision > (world.committed ?? 0)), `${at}: revisions that nobody committed`).toEqual([]);
        }
      }
    }
  });

  test('killed at every boundary of its steps, the same', async () => {
    const before = snapshot(await prepare(scenario));
    const after = snapshot(await finished());
    const boundaries: string[] = [];
    const probe = await prepare(scenario);
    await startSupervisor(probe, { mode: scenario.mode, gate: async ({ name, phase }) => void boundaries.push(`${phase} ${name}`) }).writer.submit(scenario.request, optionsFor(probe));
    expect(boundaries.length).toBeGreaterThanOrEqual(8);

    for (const [index, boundary] of boundaries.entries()) {
      const world = await prepare(scenario);
      let passed = 0;
      const supervisor = startSupervisor(world, {
        mode: scenario.mode,
        gate: async () => {
          passed += 1;
          if (passed <= index) return;
          supervisor.kill();
          await new Promise<never>(() => {});
        },
      });
      void supervisor.writer.submit(scenario.request, optionsFor(world)).catch(() => 'it is dead');
      await supervisor.killed;
      await restart(world, { mode: scenario.mode });
      const found = snapshot(world);
      expect(JSON.stringify(found) === JSON.stringify(after) ? after : before, `killed ${boundary}`).toEqual(found);
    }
  });

  test('failing at any call before the commit, it is exactly as before', async () => {
    const before = snapshot(await prepare(scenario));
    const after = snapshot(await finished());
    const probe = await prepare(scenario);
    const counting = startSupervisor(probe, { mode: scenario.mode });
    await counting.writer.submit(scenario.request, optionsFor(probe));

    for (const [call, name] of counting.calls.entries()) {
      const world = await prepare(scenario);
      let passed = 0;
      const supervisor = startSupervisor(world, {
        mode: scenario.mode,
        intercept: () => {
          passed += 1;
          if (passed === call + 1) throw new Error(`${name} fails`);
        },
      });
      const failure = await supervisor.writer.submit(scenario.request, optionsFor(world)).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure === undefined) {
        // After the commit: the change stands, and what failed is said.
        const applied = world.events.at(-1)?.data as { readonly warnings: readonly unknown[] };
        expect(applied.warnings, name).not.toHaveLength(0);
        expect(world.revisions.get(world.committed ?? 0)?.yaml).toBe((after as { readonly config: string }).config);
        const names = world.revisions.get(world.committed ?? 0)?.revision;
        expect([...world.records.keys()].filter((hostname) => !world.owed.has(hostname)).sort(), name).toEqual(names === undefined ? [] : [...hostnamesOf(names)].sort());
      } else {
        expect(failure).toMatchObject({ message: `${name} fails` });
        expect(snapshot(world), name).toEqual(before);
      }
    }
  });
});
