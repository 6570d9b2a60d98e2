import { describe, expect, test } from 'vitest';
import { SupervisorError } from '../../../src/core/errors.js';
import { removeRule } from '../../../src/forwarding/rules-edit.js';
import { startSupervisor, World, type Supervisor } from './world.js';

const USER = { reason: 'user' };
const rule = (name: string, port = 1) => ({ hostname: `${name}.example.com`, destination: `http://localhost:${port}` });
const served = (world: World): readonly string[] => world.revisions.get(world.committed ?? 0)?.revision.rules.map(({ rule: { hostname } }) => hostname) ?? [];

/** Two names are published; from then on whoever is asked whether it is ready meets this trouble. */
async function publishThenFail(trouble: (calls: readonly string[]) => void): Promise<{ readonly world: World; readonly supervisor: Supervisor }> {
  const world = new World();
  let isBroken = false;
  const supervisor = startSupervisor(world, {
    intercept: (name) => {
      if (isBroken && name === 'connectors.verify') trouble(supervisor.calls);
    },
  });
  await supervisor.writer.submit({ kind: 'replace', rules: [rule('a'), rule('b')] }, USER);
  isBroken = true;
  return { world, supervisor };
}

const edgeAway = (): never => {
  throw new SupervisorError('EDGE_UNREACHABLE', 'away');
};

describe('while the edge is away and nobody serves', () => {
  test('a rule goes, unproven and said to be, with its record', async () => {
    const { world, supervisor } = await publishThenFail(edgeAway);
    const outcome = await supervisor.writer.submit({ kind: 'edit', edit: removeRule({ hostname: 'a.example.com' }) }, USER);
    expect(outcome).toMatchObject({ outcome: 'applied', warnings: [{ code: 'REMOVED_UNPROVEN' }] });
    expect([served(world), [...world.records.keys()], world.processes.map(({ revision }) => revision)]).toEqual([['b.example.com'], ['b.example.com'], [2]]);
  });

  test.each([
    ['adds a rule', [rule('a'), rule('b'), rule('c')]],
    ['leads one elsewhere', [rule('a'), rule('b', 2)]],
    ['does both', [rule('b', 2)]],
  ])('a change that %s is taken back', async (_, rules) => {
    const { world, supervisor } = await publishThenFail(edgeAway);
    await expect(supervisor.writer.submit({ kind: 'replace', rules }, USER)).rejects.toMatchObject({ code: 'EDGE_UNREACHABLE' });
    expect(served(world)).toEqual(['a.example.com', 'b.example.com']);
  });
});

test('while the other one serves, a removal is proven like every change', async () => {
  let asked = 0;
  const { world, supervisor } = await publishThenFail(() => {
    asked += 1;
    if (asked === 1) edgeAway(); // the new one; the old one answers
  });
  await expect(supervisor.writer.submit({ kind: 'edit', edit: removeRule({ hostname: 'a.example.com' }) }, USER)).rejects.toMatchObject({ code: 'EDGE_UNREACHABLE' });
  expect([served(world), world.processes.map(({ revision }) => revision)]).toEqual([['a.example.com', 'b.example.com'], [1]]);
});

test('a config that is refused is no edge that is away', async () => {
  const { supervisor } = await publishThenFail(() => {
    throw new SupervisorError('CONFIG_REFUSED', 'no');
  });
  await expect(supervisor.writer.submit({ kind: 'edit', edit: removeRule({ hostname: 'a.example.com' }) }, USER)).rejects.toMatchObject({ code: 'CONFIG_REFUSED' });
});
