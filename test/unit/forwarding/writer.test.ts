import { describe, expect, test } from 'vitest';
import { SupervisorError } from '../../../src/core/errors.js';
import { tunnelTarget } from '../../../src/core/tunnel.js';
import type { ChangeRequest } from '../../../src/forwarding/change.js';
import { addRule, removeRule } from '../../../src/forwarding/rules-edit.js';
import { createTestClock } from '../cloudflare/test-clock.js';
import { restart, startSupervisor, TUNNEL, World } from './world.js';

const rule = (name: string, port = 1) => ({ hostname: `${name}.example.com`, destination: `http://localhost:${port}` });
const replace = (...rules: unknown[]): ChangeRequest => ({ kind: 'replace', rules });
const USER = { reason: 'user' };
const failureOf = async (promise: Promise<unknown>): Promise<SupervisorError> => {
  const error: unknown = await promise.then(
    () => 'it did not fail',
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof SupervisorError)) throw new Error(`no error of ours: ${String(error)}`);
  return error;
};
/** One change that waits, and one that runs and is held when it starts its connector. */
function heldAtStart(world: World) {
  let reach = (): void => {};
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const supervisor = startSupervisor(world, {
    limits: { maxWaiting: 1 },
    intercept: async (name) => {
      if (name !== 'connectors.start') return;
      reach();
      await released;
    },
  });
  return { ...supervisor, reached, release };
}
const stored = (world: World): readonly string[] => world.revisions.get(world.committed ?? 0)?.revision.rules.map(({ rule: { hostname, destination } }) => `${hostname} ${destination}`) ?? [];

describe('a change', () => {
  test('is answered with what is published, and told as events', async () => {
    const world = new World();
    const outcome = await startSupervisor(world).writer.submit(replace(rule('app')), USER);
    expect(outcome).toMatchObject({ outcome: 'applied', revision: 1, plan: null, warnings: [], rules: [{ hostname: 'app.example.com', path: null, destination: 'http://localhost:1', status: 'live', resolvedIp: null, dns: 'created' }] });
    expect(world.eventTypes()).toEqual(['forwarding.accepted', 'forwarding.applied']);
    expect(world.records).toEqual(new Map([['app.example.com', tunnelTarget(TUNNEL.id)]]));
  });

  test('that changes nothing touches nothing', async () => {
    const world = new World();
    const { writer } = startSupervisor(world);
    await writer.submit(replace(rule('app')), USER);
    const { writer: again, calls } = startSupervisor(world);
    const outcome = await again.submit(replace({ hostname: 'APP.example.com.', destination: 'http://localhost:1/' }), USER);
    expect(outcome).toMatchObject({ outcome: 'unchanged', change: null, revision: 1 });
    expect(world.events.at(-1)).toMatchObject({ type: 'forwarding.unchanged', data: { revision: 1 } });
    expect(calls).toEqual(['dns.plan']);
  });

  test('that cloudflared would not notice starts no connector', async () => {
    const world = new World();
    const { writer } = startSupervisor(world);
    world.devices.set('7', { kind: 'found', address: '10.0.0.5', mac: 'aa', source: 'lease' });
    await writer.submit(replace({ ...rule('app'), destination: 'http://10.0.0.5:80' }), USER);
    const { writer: again, calls } = startSupervisor(world);
    const outcome = await again.submit(replace({ ...rule('app'), destination: 'http://[7]:80' }), USER);
    expect(outcome).toMatchObject({ outcome: 'applied', revision: 2, rules: [{ resolvedIp: '10.0.0.5' }] });
    expect(calls.filter((name) => name.startsWith('connectors'))).toEqual([]);
    expect(world.serving().map(({ revision }) => revision)).toEqual([1]);
  });

  test('makes a record again that is gone, with no other change', async () => {
    const world = new World();
    const { writer } = startSupervisor(world);
    await writer.submit(replace(rule('app')), USER);
    world.records.clear();
    world.ledger.clear();
    const outcome = await writer.submit({ kind: 'refresh' }, USER);
    expect(outcome).toMatchObject({ outcome: 'applied', revision: 1 });
    expect([...world.records.keys()]).toEqual(['app.example.com']);
    expect(world.processes.map(({ revision }) => revision)).toEqual([1]);
  });

  test('that is wrong is refused with every problem, and nothing is touched', async () => {
    const world = new World();
    const { writer, calls } = startSupervisor(world);
    const error = await failureOf(writer.submit(replace({ hostname: 'app.example.org', destination: 'x' }, {}), USER));
    expect(error.code).toBe('FORWARDING_INVALID');
    expect(error.problems).toHaveLength(4);
    expect(calls).toEqual([]);
    expect(world.events).toEqual([{ type: 'forwarding.refused', data: expect.objectContaining({ reason: 'user', error: error.toBody() }) as unknown }]);
  });

  test('without a tunnel needs a setup', async () => {
    const world = new World();
    world.tunnel = undefined;
    expect((await failureOf(startSupervisor(world).writer.submit(replace(), USER))).code).toBe('SETUP_REQUIRED');
  });

  test('with a foreign record is a conflict that names it, found before anything starts', async () => {
    const world = new World();
    world.records.set('app.example.com', '192.0.2.7');
    const { writer, calls } = startSupervisor(world);
    const error = await failureOf(writer.submit(replace(rule('app'), rule('b')), USER));
    expect(error).toMatchObject({ code: 'DNS_CONFLICT', problems: [{ field: 'hostname', code: 'DNS_CONFLICT', message: 'app.example.com has a record that is not ours: A 192.0.2.7' }] });
    expect(calls).toEqual(['dns.plan']);
  });

  test('that fails is rolled back, and says so', async () => {
    const world = new World();
    await startSupervisor(world).writer.submit(replace(rule('app')), USER);
    const { writer } = startSupervisor(world, {
      intercept: (name) => {
        if (name === 'connectors.verify') throw new SupervisorError('CONNECTOR_NOT_READY', 'it is not ready');
      },
    });
    const error = await failureOf(writer.submit(replace(rule('app', 2)), USER));
    expect(error.code).toBe('CONNECTOR_NOT_READY');
    expect(world.events.at(-1)).toMatchObject({ type: 'forwarding.rolled-back', data: { revision: 2, error: { code: 'CONNECTOR_NOT_READY' }, undoFailures: [] } });
    expect(stored(world)).toEqual(['app.example.com http://localhost:1']);
    expect(world.processes.map(({ revision }) => revision)).toEqual([1]);
  });

  test('whose undo fails too says both, and the next start undoes it', async () => {
    const world = new World();
    await startSupervisor(world).writer.submit(replace(rule('app')), USER);
    const { writer } = startSupervisor(world, {
      intercept: (name) => {
        if (name === 'dns.execute c.example.com') throw new SupervisorError('DNS_FAILED', 'refused');
        if (name === 'dns.undo b.example.com') throw new SupervisorError('CLOUDFLARE_UNREACHABLE', 'away');
      },
    });
    const error = await failureOf(writer.submit(replace(rule('app'), rule('b'), rule('c')), USER));
    expect(error).toMatchObject({ code: 'ROLLBACK_FAILED', problems: [{ code: 'DNS_FAILED', message: 'refused' }, { code: 'CLOUDFLARE_UNREACHABLE', message: 'away' }] });
    expect(world.events.at(-1)).toMatchObject({ type: 'forwarding.rolled-back', data: { undoFailures: [{ code: 'CLOUDFLARE_UNREACHABLE' }] } });
    expect([...world.owed]).toEqual(['b.example.com']);
    expect(world.journals.size).toBe(1);

    const next = startSupervisor(world);
    expect(await next.writer.recover()).toMatchObject([{ outcome: 'undone' }]);
    expect([...world.records.keys()]).toEqual(['app.example.com']);
    expect(world.journals.size).toBe(0);
  });

  test('of many records is not undone record by record while Cloudflare is away', async () => {
    const world = new World();
    const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
    const clock = createTestClock((ms) => ms === 30_000);
    const { writer, calls } = startSupervisor(world, {
      clock,
      intercept: (name) => {
        if (name === 'dns.execute n19.example.com') throw new SupervisorError('CLOUDFLARE_UNREACHABLE', 'away');
        if (name.startsWith('dns.undo')) return new Promise(() => {});
        return undefined;
      },
    });
    const error = await failureOf(writer.submit(replace(...names.map((name) => rule(name))), USER));
    expect(error.code).toBe('ROLLBACK_FAILED');
    for (const name of names) expect(error.message).toContain(`${name}.example.com`);
    expect(clock.monotonic()).toBe(30_000);
    expect(calls.filter((name) => name.startsWith('dns.undo'))).toHaveLength(1);
    expect(world.owed.size).toBe(20);
    expect(world.processes).toEqual([]);
    expect(await writer.submit(replace(), USER), 'and changes go on').toMatchObject({ outcome: 'applied' });
  });

  test('whose undo failed is not undone any more where a later change wants the same', async () => {
    const world = new World();
    const { writer } = startSupervisor(world, {
      intercept: (name) => {
        if (name === 'dns.undo b.example.com') throw new SupervisorError('CLOUDFLARE_UNREACHABLE', 'away');
        if (name === 'dns.execute c.example.com') throw new SupervisorError('DNS_FAILED', 'refused');
      },
    });
    await failureOf(writer.submit(replace(rule('b'), rule('c')), USER));
    await writer.submit(replace(rule('b')), USER);
    await startSupervisor(world).writer.recover();
    expect([...world.records.keys()]).toEqual(['b.example.com']);
  });

  test('owes the records that cannot be removed now', async () => {
    const world = new World();
    await startSupervisor(world).writer.submit(replace(rule('a'), rule('b')), USER);
    const { writer, calls } = startSupervisor(world, {
      intercept: (name) => {
        if (name.startsWith('dns.execute')) throw new SupervisorError('CLOUDFLARE_UNREACHABLE', 'away');
      },
    });
    const outcome = await writer.submit(replace(), USER);
    expect(outcome).toMatchObject({ outcome: 'applied', rules: [], warnings: [{ code: 'DNS_REMOVAL_OWED', hostname: 'a.example.com' }, { code: 'DNS_REMOVAL_OWED', hostname: 'b.example.com' }] });
    expect(calls.filter((name) => name.startsWith('dns.execute')), 'the second would wait in vain too').toHaveLength(1);
  });
});

describe('a connector that ends and is given up, and is among the current ones no more', () => {
  test('goes with the change that started it', async () => {
    const world = new World();
    const { writer, calls } = startSupervisor(world, {
      intercept: (name) => {
        if (name !== 'connectors.verify') return;
        world.processes.length = 0;
        throw new SupervisorError('CONNECTOR_CRASHED', 'it ended with 1');
      },
    });
    expect((await failureOf(writer.submit(replace(rule('app')), USER))).code).toBe('CONNECTOR_CRASHED');
    expect(calls.filter((name) => name.startsWith('connectors'))).toEqual(['connectors.start', 'connectors.verify', 'connectors.retire']);
  });

  test('goes where another is started in its place', async () => {
    const world = new World();
    const { writer, calls } = startSupervisor(world, {
      intercept: (name) => {
        if (name.startsWith('dns.execute')) world.processes.length = 0;
      },
    });
    expect(await writer.submit(replace(rule('app')), USER)).toMatchObject({ outcome: 'applied' });
    expect(calls.filter((name) => name.startsWith('connectors'))).toEqual(['connectors.start', 'connectors.verify', 'connectors.retire', 'connectors.start', 'connectors.verify']);
    expect(world.serving()).toHaveLength(1);
  });
});

describe('the connectors before it', () => {
  const never = new Promise<void>(() => {});

  test('go when their successor serves', async () => {
    const world = new World();
    const { writer, calls } = startSupervisor(world);
    await writer.submit(replace(rule('app')), USER);
    expect(calls, 'the first of all succeeds nobody').not.toContain('connectors.awaitSuccessor');
    await writer.submit(replace(rule('app', 2)), USER);
    expect(calls.filter((name) => name.startsWith('connectors')).slice(-2)).toEqual(['connectors.awaitSuccessor', 'connectors.retire']);
  });

  test('go all the same where it does not in time', async () => {
    const world = new World();
    const clock = createTestClock((ms) => ms === 7_000);
    const { writer } = startSupervisor(world, { clock, limits: { successorTimeoutMs: 7_000 }, intercept: (name) => (name === 'connectors.awaitSuccessor' ? never : undefined) });
    await writer.submit(replace(rule('app')), USER);
    expect(await writer.submit(replace(rule('app', 2)), USER)).toMatchObject({ outcome: 'applied', warnings: [] });
    expect(world.processes.map(({ revision }) => revision)).toEqual([2]);
  });

  test('serve on where the daemon stops meanwhile; the next start goes on', async () => {
    const world = new World();
    let reach = (): void => {};
    const reached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    const { writer } = startSupervisor(world, {
      intercept: async (name) => {
        if (name !== 'connectors.awaitSuccessor') return;
        reach();
        await never;
      },
    });
    await writer.submit(replace(rule('app')), USER);
    const running = failureOf(writer.submit(replace(rule('app', 2)), USER));
    await reached;
    await writer.stop();
    expect((await running).code).toBe('DAEMON_STOPPING');
    expect(world.processes.map(({ revision }) => revision)).toEqual([1, 2]);
    await restart(world);
    expect(world.processes.map(({ revision }) => revision)).toEqual([2]);
  });
});

describe('a dry run', () => {
  test('answers with the plan, changes nothing and waits for nobody', async () => {
    const world = new World();
    const { writer, calls } = startSupervisor(world);
    const outcome = await writer.submit(replace(rule('app')), { ...USER, dryRun: true });
    expect(outcome).toMatchObject({ outcome: 'planned', change: null, revision: 1, rules: [{ hostname: 'app.example.com' }] });
    expect(outcome.plan?.map(({ kind }) => kind)).toEqual(['write-revision', 'start-connector', 'verify-connector', 'publish-record', 'verify-connector', 'commit-revision', 'promote-connector', 'retire-connectors', 'write-copies']);
    expect(JSON.parse(JSON.stringify(outcome.plan))).toEqual(outcome.plan);
    expect(calls).toEqual(['dns.plan']);
    expect(world.events).toEqual([]);
    expect(world.revisions.size).toBe(0);
  });
});

describe('edits', () => {
  test('add, change, remove', async () => {
    const world = new World();
    const { writer } = startSupervisor(world);
    await writer.submit({ kind: 'edit', edit: addRule(rule('a'), { replace: false }) }, USER);
    await writer.submit({ kind: 'edit', edit: addRule(rule('b'), { replace: false }) }, USER);
    await writer.submit({ kind: 'edit', edit: addRule({ ...rule('A', 7) }, { replace: true }) }, USER);
    expect(stored(world)).toEqual(['a.example.com http://localhost:7', 'b.example.com http://localhost:1']);
    expect((await failureOf(writer.submit({ kind: 'edit', edit: addRule(rule('a', 8), { replace: false }) }, USER))).code).toBe('RULE_EXISTS');
    await writer.submit({ kind: 'edit', edit: removeRule({ hostname: 'a.example.com.' }) }, USER);
    expect(stored(world)).toEqual(['b.example.com http://localhost:1']);
    expect((await failureOf(writer.submit({ kind: 'edit', edit: removeRule({ hostname: 'a.example.com' }) }, USER))).code).toBe('RULE_UNKNOWN');
    expect([...world.records.keys()]).toEqual(['b.example.com']);
  });

  test('problems are those of the one rule that was sent', async () => {
    const world = new World();
    const { writer } = startSupervisor(world);
    await writer.submit(replace(rule('a'), rule('b')), USER);
    const error = await failureOf(writer.submit({ kind: 'edit', edit: addRule({ hostname: 'c.example.com', destination: 'http://x/y' }, { replace: true }) }, USER));
    expect(error).toMatchObject({ code: 'FORWARDING_INVALID', problems: [{ rule: 0, field: 'destination' }] });
    expect(error.message).not.toMatch(/rule 2/);
  });

  test('one after another lose nothing of each other', async () => {
    const world = new World();
    const { writer } = startSupervisor(world);
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => writer.submit({ kind: 'edit', edit: addRule(rule(name), { replace: false }) }, USER)));
    expect(stored(world)).toHaveLength(5);
    expect(world.serving()).toHaveLength(1);
  });

  test('on a revision that is not current any more are refused', async () => {
    const world = new World();
    const { writer } = startSupervisor(world);
    const both = await Promise.allSettled([
      writer.submit(replace(rule('a')), { ...USER, ifRevision: 0 }),
      writer.submit(replace(rule('b')), { ...USER, ifRevision: 0 }),
    ]);
    expect(both).toMatchObject([{ status: 'fulfilled' }, { status: 'rejected', reason: { code: 'REVISION_CHANGED' } }]);
    expect(stored(world)).toEqual(['a.example.com http://localhost:1']);
  });
});

describe('rapid changes', () => {
  test('of all rules converge on the last one; the others are told', async () => {
    const world = new World();
    const { writer, calls } = startSupervisor(world);
    const outcomes = await Promise.all([1, 2, 3, 4, 5, 6, 7].map((port) => writer.submit(replace(rule('app', port)), USER)));
    expect(stored(world)).toEqual(['app.example.com http://localhost:7']);
    expect(world.serving()).toHaveLength(1);
    expect(calls.filter((name) => name === 'connectors.start').length).toBeLessThanOrEqual(2);
    const last = outcomes.at(-1);
    for (const outcome of outcomes.slice(1, -1)) expect(outcome).toMatchObject({ revision: last?.revision, warnings: [{ code: 'CHANGE_SUPERSEDED' }] });
    expect(last?.warnings).toEqual([]);
  });

  test('a wrong one among them gets its own problems, and the last right one counts', async () => {
    const world = new World();
    const { writer } = startSupervisor(world);
    const results = await Promise.allSettled([
      writer.submit(replace(rule('app', 1)), USER),
      writer.submit(replace({ hostname: '' }), USER),
      writer.submit(replace(rule('app', 3)), USER),
      writer.submit(replace(rule('app', 99999)), USER),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
    expect(stored(world)).toEqual(['app.example.com http://localhost:3']);
  });

  test('an edit between two replacements keeps its place', async () => {
    const world = new World();
    const { writer } = startSupervisor(world);
    const results = await Promise.allSettled([
      writer.submit(replace(rule('a')), USER),
      writer.submit({ kind: 'edit', edit: removeRule({ hostname: 'a.example.com' }) }, USER),
      writer.submit(replace(rule('b')), USER),
      writer.submit({ kind: 'edit', edit: addRule(rule('c'), { replace: false }) }, USER),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled']);
    expect(stored(world)).toEqual(['b.example.com http://localhost:1', 'c.example.com http://localhost:1']);
  });

  test('refreshes that wait are one', async () => {
    const world = new World();
    const { writer, calls } = startSupervisor(world);
    await writer.submit(replace(rule('a')), USER);
    calls.length = 0;
    await Promise.all(Array.from({ length: 20 }, () => writer.submit({ kind: 'refresh' }, { reason: 'device' })));
    expect(calls).toEqual(['dns.plan']);
  });

  test('one refresh that is refused because many wait does not refuse those that come later', async () => {
    const world = new World();
    const { writer, calls, reached, release } = heldAtStart(world);
    const running = writer.submit(replace(rule('a')), USER);
    await reached;
    const waiting = writer.submit({ kind: 'rollback' }, USER);
    const refresh = () => writer.submit({ kind: 'refresh' }, { reason: 'device' });
    expect((await failureOf(refresh())).code).toBe('DAEMON_BUSY');
    release();
    await running;
    await failureOf(waiting);
    calls.length = 0;
    expect(await Promise.all([refresh(), refresh()])).toMatchObject([{ outcome: 'unchanged' }, { outcome: 'unchanged' }]);
    expect(calls).toEqual(['dns.plan']);
  });

  test('of single rules are applied together, each asker answered', async () => {
    const world = new World();
    const { writer, calls } = startSupervisor(world);
    const add = (name: string, port = 1) => writer.submit({ kind: 'edit', edit: addRule(rule(name, port), { replace: false }) }, USER);
    const results = await Promise.allSettled([
      add('a'), add('B'), add('c', 99999), add('a', 2),
      writer.submit({ kind: 'edit', edit: removeRule({ hostname: 'b.example.com' }) }, USER),
      writer.submit({ kind: 'edit', edit: removeRule({ hostname: 'nobody.example.com' }) }, USER),
      add('d'),
    ]);
    expect(results.map((result) => (result.status === 'fulfilled' ? result.value.outcome : (result.reason as SupervisorError).code))).toEqual(['applied', 'applied', 'FORWARDING_INVALID', 'RULE_EXISTS', 'applied', 'RULE_UNKNOWN', 'applied']);
    expect(results[2]).toMatchObject({ reason: { problems: [{ rule: 0, field: 'destination' }] } });
    expect(stored(world)).toEqual(['a.example.com http://localhost:1', 'd.example.com http://localhost:1']);
    expect(calls.filter((name) => name === 'connectors.start')).toHaveLength(1);
    expect(world.committed).toBe(1);
  });

  test('with one name that is taken: the others are published', async () => {
    const world = new World();
    world.records.set('b.example.com', '192.0.2.7');
    const { writer } = startSupervisor(world);
    const results = await Promise.allSettled(['a', 'b', 'c'].map((name) => writer.submit({ kind: 'edit', edit: addRule(rule(name), { replace: false }) }, USER)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { code: 'DNS_CONFLICT' } });
    expect(stored(world)).toEqual(['a.example.com http://localhost:1', 'c.example.com http://localhost:1']);
  });

  test.each([['CONFIG_REFUSED', 'connectors.start'], ['CONNECTOR_MISMATCH', 'connectors.verify'], ['DNS_FAILED', 'dns.execute b.example.com']] as const)('with one rule that cannot be had (%s): the others are published', async (code, at) => {
    const world = new World();
    const { writer } = startSupervisor(world, {
      intercept: (name) => {
        if (name === at && world.revisions.get(world.highest)?.yaml.includes('b.example.com') === true) throw new SupervisorError(code, 'it is about b');
      },
    });
    const results = await Promise.allSettled(['a', 'b', 'c'].map((name) => writer.submit({ kind: 'edit', edit: addRule(rule(name), { replace: false }) }, USER)));
    expect(results).toMatchObject([{ status: 'fulfilled' }, { status: 'rejected', reason: { code } }, { status: 'fulfilled' }]);
    expect(stored(world)).toEqual(['a.example.com http://localhost:1', 'c.example.com http://localhost:1']);
  });

  test('that fail together are told so, each', async () => {
    const world = new World();
    const { writer, calls } = startSupervisor(world, {
      intercept: (name) => {
        if (name === 'connectors.verify') throw new SupervisorError('EDGE_UNREACHABLE', 'away');
      },
    });
    const results = await Promise.allSettled(['a', 'b', 'c'].map((name) => writer.submit({ kind: 'edit', edit: addRule(rule(name), { replace: false }) }, USER)));
    for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'EDGE_UNREACHABLE' } });
    expect(calls.filter((name) => name === 'connectors.start')).toHaveLength(1);
  });

  test('more than may wait are refused', async () => {
    const world = new World();
    const { writer } = startSupervisor(world, { limits: { maxWaiting: 3 } });
    const add = (name: string) => writer.submit({ kind: 'edit', edit: addRule(rule(name), { replace: false }) }, { reason: name });
    const results = await Promise.allSettled(['a', 'b', 'c', 'd', 'e', 'f'].map(add));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected', 'rejected']);
    expect(results.at(-1)).toMatchObject({ reason: { code: 'DAEMON_BUSY' } });
  });
});

describe('rollback', () => {
  test('applies an earlier revision as a new one', async () => {
    const world = new World();
    const { writer } = startSupervisor(world);
    for (const port of [1, 2, 3]) await writer.submit(replace(rule('app', port)), USER);
    expect(await writer.submit({ kind: 'rollback', revision: 1 }, { reason: 'rollback' })).toMatchObject({ outcome: 'applied', revision: 4 });
    expect(stored(world)).toEqual(['app.example.com http://localhost:1']);
    expect(await writer.submit({ kind: 'rollback' }, { reason: 'rollback' })).toMatchObject({ revision: 5 });
    expect(stored(world)).toEqual(['app.example.com http://localhost:3']);
    expect(world.revisions.get(5)?.revision.reason).toBe('rollback');
    for (const revision of [9, 6]) expect((await failureOf(writer.submit({ kind: 'rollback', revision }, { reason: 'rollback' }))).code).toBe('REVISION_UNKNOWN');
  });

  test('without anything before is refused', async () => {
    const world = new World();
    const { writer } = startSupervisor(world);
    await writer.submit(replace(), USER);
    expect((await failureOf(writer.submit({ kind: 'rollback' }, { reason: 'rollback' }))).code).toBe('REVISION_UNKNOWN');
  });
});

describe('another zone', () => {
  const OTHER = { ...TUNNEL, domain: 'example.org', zoneId: 'other', id: '22222222-2222-3333-4444-555555555555' };

  test('sets the rules outside it aside; they come back with their zone', async () => {
    const world = new World();
    const { writer } = startSupervisor(world);
    await writer.submit(replace(rule('a'), rule('b')), USER);
    const moved = await writer.submit({ kind: 'publish', setup: 's1', tunnel: OTHER }, { reason: 'setup' });
    expect(moved.rules.map(({ hostname, status }) => `${hostname} ${status}`)).toEqual(['a.example.com outside-zone', 'b.example.com outside-zone']);
    expect([...world.records]).toEqual([]);
    world.tunnel = OTHER;

    await writer.submit({ kind: 'edit', edit: addRule({ hostname: 'x.example.org', destination: 'http://localhost' }, { replace: false }) }, USER);
    expect(world.revisions.get(world.committed ?? 0)?.revision.setAside).toHaveLength(2);
    const error = await failureOf(writer.submit({ kind: 'edit', edit: addRule(rule('c'), { replace: false }) }, USER));
    expect(error.problems).toMatchObject([{ code: 'HOSTNAME_OUTSIDE_ZONE' }]);

    await writer.submit({ kind: 'publish', setup: 's2', tunnel: TUNNEL }, { reason: 'setup' });
    expect(stored(world)).toEqual(['a.example.com http://localhost:1', 'b.example.com http://localhost:1']);
    expect(world.revisions.get(world.committed ?? 0)?.revision.setAside).toMatchObject([{ hostname: 'x.example.org' }]);
  });

  test('a list of all rules may hold those set aside, and drops those it does not', async () => {
    const world = new World();
    const { writer } = startSupervisor(world);
    await writer.submit(replace(rule('a'), rule('b')), USER);
    await writer.submit({ kind: 'publish', setup: 's1', tunnel: OTHER }, { reason: 'setup' });
    world.tunnel = OTHER;
    const here = { hostname: 'x.example.org', destination: 'http://localhost' };
    await writer.submit(replace(here, rule('a')), USER);
    expect(world.revisions.get(world.committed ?? 0)?.revision).toMatchObject({ rules: [{ rule: here }], setAside: [{ hostname: 'a.example.com' }] });
    await writer.submit({ kind: 'replace', rules: [here], keepSetAside: true }, USER);
    expect(world.revisions.get(world.committed ?? 0)?.revision.setAside).toHaveLength(1);
    await writer.submit(replace(here), USER);
    expect(world.revisions.get(world.committed ?? 0)?.revision.setAside).toEqual([]);
  });

  test('a setup that had published before it was killed finds nothing to do', async () => {
    const world = new World();
    const { writer } = startSupervisor(world);
    await writer.submit({ kind: 'publish', setup: 's1', tunnel: TUNNEL }, { reason: 'setup' });
    expect(world.artifacts).toBe('new');
    expect(await writer.submit({ kind: 'publish', setup: 's1', tunnel: TUNNEL }, { reason: 'setup' })).toMatchObject({ outcome: 'unchanged' });
    expect(await writer.submit({ kind: 'publish', setup: 's2', tunnel: TUNNEL }, { reason: 'setup' }), 'other credentials need another connector').toMatchObject({ outcome: 'applied' });
  });
});

describe('giving up', () => {
  const stuckAt = (world: World, at: string) => {
    let reach = (): void => {};
    const reached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    const supervisor = startSupervisor(world, {
      intercept: async (name) => {
        if (name !== at) return;
        reach();
        await new Promise<void>((resolve) => setImmediate(resolve));
      },
    });
    return { ...supervisor, reached };
  };

  test('a change that waits, or can still be undone without a trace', async () => {
    const world = new World();
    const { writer, reached } = stuckAt(world, 'connectors.start');
    const controller = new AbortController();
    const running = failureOf(writer.submit(replace(rule('a')), { ...USER, signal: controller.signal }));
    const waiting = failureOf(writer.submit(replace(rule('b')), { ...USER, signal: controller.signal }));
    await reached;
    controller.abort();
    expect((await running).code).toBe('INTERRUPTED');
    expect((await waiting).code).toBe('INTERRUPTED');
    expect(world.revisions.size + world.processes.length + world.journals.size).toBe(0);
  });

  test('a change that waits, at once: it never runs, and its place is free', async () => {
    const world = new World();
    const { writer, calls, reached, release } = heldAtStart(world);
    const running = writer.submit(replace(rule('a')), USER);
    await reached;
    const controller = new AbortController();
    const waiting = failureOf(writer.submit({ kind: 'refresh' }, { reason: 'setup', signal: controller.signal }));
    controller.abort();
    expect((await waiting).code).toBe('INTERRUPTED');
    const next = writer.submit({ kind: 'rollback' }, USER);
    release();
    await running;
    expect((await failureOf(next)).code, 'it was its turn').toBe('REVISION_UNKNOWN');
    expect(calls).not.toContain('addresses.resolve');
    expect((await failureOf(writer.submit({ kind: 'refresh' }, { reason: 'setup', signal: controller.signal }))).code, 'too late to be asked').toBe('INTERRUPTED');
    expect(calls.filter((name) => name === 'dns.plan')).toHaveLength(1);
  });

  test('is too late once the first record is being made', async () => {
    const world = new World();
    const { writer, reached } = stuckAt(world, 'dns.execute a.example.com');
    const controller = new AbortController();
    const running = writer.submit(replace(rule('a')), { ...USER, signal: controller.signal });
    await reached;
    controller.abort();
    expect(await running).toMatchObject({ outcome: 'applied' });
  });

  test('the daemon stops: what waits is refused, what runs is undone', async () => {
    const world = new World();
    const { writer, reached } = stuckAt(world, 'connectors.start');
    const running = failureOf(writer.submit(replace(rule('a')), USER));
    const waiting = failureOf(writer.submit({ kind: 'refresh' }, USER));
    await reached;
    await writer.stop();
    expect((await waiting).code).toBe('DAEMON_STOPPING');
    expect((await running).code).toBe('DAEMON_STOPPING');
    expect(world.revisions.size + world.processes.length + world.journals.size).toBe(0);
    expect((await failureOf(writer.submit(replace(), USER))).code).toBe('DAEMON_STOPPING');
  });

  test('the daemon stops in the DNS phase: the next start finishes the change', async () => {
    const world = new World();
    const { writer, reached } = stuckAt(world, 'dns.execute a.example.com');
    const running = failureOf(writer.submit(replace(rule('a'), rule('b')), USER));
    await reached;
    await writer.stop();
    expect((await running).code).toBe('DAEMON_STOPPING');
    expect(world.committed).toBeUndefined();
    expect(world.journals.size).toBe(1);
    const next = startSupervisor(world);
    expect(await next.writer.recover()).toMatchObject([{ outcome: 'finished' }]);
    expect(stored(world)).toHaveLength(2);
    expect([...world.records.keys()]).toEqual(['a.example.com', 'b.example.com']);
    expect(world.events.at(-1)).toMatchObject({ type: 'journal.recovered', data: { outcome: 'finished' } });
  });
});
