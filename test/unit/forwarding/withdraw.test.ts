import { describe, expect, test } from 'vitest';
import { SupervisorError } from '../../../src/core/errors.js';
import type { DeviceAddress } from '../../../src/core/rule.js';
import { restart, startSupervisor, World, type Supervisor, type SupervisorOptions } from './world.js';

/** An address that is somebody else's: taken out at once, whatever else is going on, and never brought back. */

const STOLEN = '10.10.0.111';
const at = (address: string): DeviceAddress => ({ kind: 'found', address, mac: 'aa', source: 'lease' });
const RULES = [
  { hostname: 'app.example.com', destination: 'http://localhost:1' },
  { hostname: 'device.example.com', destination: 'http://[123]:80' },
];
const NEXT = [...RULES, { hostname: 'one.example.com', destination: 'http://localhost:2' }, { hostname: 'two.example.com', destination: 'http://localhost:3' }];
const WITHDRAWN = [{ deviceId: '123', address: STOLEN }];

async function publishedWorld(rules: readonly unknown[] = RULES): Promise<World> {
  const world = new World();
  world.devices.set('123', at(STOLEN));
  await startSupervisor(world).writer.submit({ kind: 'replace', rules }, { reason: 'user' });
  world.fewestServing = Number.POSITIVE_INFINITY;
  world.events.length = 0;
  return world;
}

const servesStolen = (world: World): boolean => world.processes.some((process) => process.config.includes(STOLEN));

/** Holds the first call of that name until it is released. */
function hold(name: string, world: World, options: SupervisorOptions = {}): { readonly supervisor: Supervisor; readonly reached: Promise<void>; release: (error?: Error) => void } {
  let reach = (): void => {};
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  let settle: (error?: Error) => void = () => {};
  const released = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === undefined ? resolve() : reject(error));
  });
  let used = false;
  const supervisor = startSupervisor(world, {
    ...options,
    intercept: async (called) => {
      if (called !== name || used) return;
      used = true;
      reach();
      await released;
    },
  });
  return { supervisor, reached, release: (error) => settle(error) };
}

describe('a withdrawal', () => {
  test('while nothing runs: 503 for the device, the others serve on without a gap', async () => {
    const world = await publishedWorld();
    const { writer, calls } = startSupervisor(world);
    const outcome = await writer.withdraw(WITHDRAWN, 'device');
    expect(outcome).toMatchObject({ outcome: 'applied', revision: 2, rules: [{ hostname: 'app.example.com', status: 'live' }, { hostname: 'device.example.com', status: 'unresolved', resolvedIp: null }] });
    expect(servesStolen(world)).toBe(false);
    expect(world.published()).toMatchObject({ ingress: [{ service: 'http://localhost:1' }, { hostname: 'device.example.com', service: 'http_status:503' }, {}] });
    expect(world.fewestServing).toBe(1);
    expect(calls).toContain('connectors.kill');
    expect(calls.indexOf('revisions.commit'), 'nothing brings the address back once it began').toBeLessThan(calls.indexOf('connectors.start'));
    expect(calls.filter((name) => name.startsWith('addresses') || name.startsWith('dns')), 'nobody is asked').toEqual([]);
    expect(calls, 'and nobody is waited for').not.toContain('connectors.awaitSuccessor');
  });

  test('of what nobody serves changes nothing', async () => {
    const world = await publishedWorld();
    const outcome = await startSupervisor(world).writer.withdraw([{ deviceId: '123', address: '10.10.0.5' }, { deviceId: '7', address: STOLEN }], 'device');
    expect(outcome).toMatchObject({ outcome: 'unchanged', revision: 1 });
    expect(world.events).toEqual([]);
  });

  test('takes the address out although the new connector does not get ready', async () => {
    const world = await publishedWorld();
    const { writer } = startSupervisor(world, {
      intercept: (name) => {
        if (name === 'connectors.verify') throw new SupervisorError('CONNECTOR_NOT_READY', 'not ready');
      },
    });
    const outcome = await writer.withdraw(WITHDRAWN, 'device');
    expect(outcome.warnings).toContainEqual({ code: 'CONNECTOR_NOT_READY', message: 'not ready' });
    expect(servesStolen(world)).toBe(false);
    expect(world.processes.map(({ revision }) => revision)).toEqual([2]);
  });

  test('by restart kills before it starts', async () => {
    const world = await publishedWorld();
    world.mostRunning = 0;
    await startSupervisor(world, { mode: 'restart' }).writer.withdraw(WITHDRAWN, 'device');
    expect(world.mostRunning).toBe(1);
    expect(servesStolen(world)).toBe(false);
    expect(world.serving()).toHaveLength(1);
  });

  test('goes ahead of a running DNS phase, and the change goes on with it', async () => {
    const world = await publishedWorld();
    const { supervisor, reached, release } = hold('dns.execute one.example.com', world);
    const changed = supervisor.writer.submit({ kind: 'replace', rules: NEXT }, { reason: 'user' });
    await reached;
    world.devices.set('123', at('10.10.0.112'));
    const withdrawal = await supervisor.writer.withdraw(WITHDRAWN, 'device');
    expect(withdrawal.outcome).toBe('applied');
    expect(servesStolen(world), 'the connector of the waiting change is gone too').toBe(false);
    expect(world.records.has('one.example.com')).toBe(false);

    release();
    const outcome = await changed;
    expect(outcome).toMatchObject({ outcome: 'applied', warnings: [], rules: [{}, { hostname: 'device.example.com', resolvedIp: '10.10.0.112' }, {}, {}] });
    expect(servesStolen(world)).toBe(false);
    expect(world.serving().map(({ revision }) => revision)).toEqual([outcome.revision]);
    expect([...world.revisions.keys()], 'the revision that was overtaken is gone').toEqual([1, 3, 4]);
    expect(world.journals.size).toBe(0);
    expect(world.fewestServing).toBeGreaterThanOrEqual(1);
    expect(world.eventTypes()).toEqual(['forwarding.accepted', 'forwarding.accepted', 'forwarding.applied', 'forwarding.applied']);
  });

  test('does not let the waiting change bring the address back, though the resolver still says so', async () => {
    const world = await publishedWorld();
    const { supervisor, reached, release } = hold('dns.execute one.example.com', world);
    const changed = supervisor.writer.submit({ kind: 'replace', rules: NEXT }, { reason: 'user' });
    await reached;
    await supervisor.writer.withdraw(WITHDRAWN, 'device');
    release();
    const outcome = await changed;
    expect(outcome.rules[1]).toMatchObject({ hostname: 'device.example.com', status: 'unresolved' });
    expect(servesStolen(world)).toBe(false);
  });

  test('of an address that only the waiting change serves', async () => {
    const world = await publishedWorld(RULES.slice(0, 1));
    const { supervisor, reached, release } = hold('dns.execute device.example.com', world);
    const changed = supervisor.writer.submit({ kind: 'replace', rules: RULES }, { reason: 'user' });
    await reached;
    expect(servesStolen(world)).toBe(true);
    await supervisor.writer.withdraw(WITHDRAWN, 'device');
    expect(servesStolen(world)).toBe(false);
    expect(world.serving(), 'what served before was not touched').toHaveLength(1);
    release();
    await changed;
    expect(servesStolen(world)).toBe(false);
    expect(world.serving()).toHaveLength(1);
  });

  test('stays where the change that waited fails', async () => {
    const world = await publishedWorld();
    const { supervisor, reached, release } = hold('dns.execute two.example.com', world);
    const changed = supervisor.writer.submit({ kind: 'replace', rules: NEXT }, { reason: 'user' });
    await reached;
    const { revision } = await supervisor.writer.withdraw(WITHDRAWN, 'device');
    release(new SupervisorError('DNS_FAILED', 'refused for good'));
    await expect(changed).rejects.toMatchObject({ code: 'DNS_FAILED' });
    expect(world.committed).toBe(revision);
    expect(servesStolen(world)).toBe(false);
    expect([...world.records.keys()].sort()).toEqual(['app.example.com', 'device.example.com']);
    expect(world.processes.map((process) => process.revision)).toEqual([revision]);
    expect(world.journals.size).toBe(0);
  });

  test.each(['connectors.start', 'connectors.verify', 'revisions.write'])('stops a change that is at %s; it is made again afterwards', async (name) => {
    const world = await publishedWorld();
    const { supervisor, reached, release } = hold(name, world);
    const changed = supervisor.writer.submit({ kind: 'replace', rules: NEXT }, { reason: 'user' });
    await reached;
    world.devices.set('123', at('10.10.0.112'));
    const withdrawal = supervisor.writer.withdraw(WITHDRAWN, 'device');
    release();
    await withdrawal;
    expect(servesStolen(world)).toBe(false);
    expect(await changed).toMatchObject({ outcome: 'applied', rules: [{}, { resolvedIp: '10.10.0.112' }, {}, {}] });
    expect(world.serving()).toHaveLength(1);
    expect(world.eventTypes()).toEqual(['forwarding.accepted', 'forwarding.rolled-back', 'forwarding.accepted', 'forwarding.applied', 'forwarding.accepted', 'forwarding.applied']);
  });

  test('stops a change that is given up meanwhile: it is not made again', async () => {
    const world = await publishedWorld();
    const { supervisor, reached, release } = hold('connectors.start', world);
    const controller = new AbortController();
    const changed = supervisor.writer.submit({ kind: 'replace', rules: NEXT }, { reason: 'user', signal: controller.signal });
    await reached;
    const withdrawal = supervisor.writer.withdraw(WITHDRAWN, 'device');
    controller.abort();
    release();
    const { revision } = await withdrawal;
    await expect(changed).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(world.committed).toBe(revision);
  });

  test.each(['addresses.resolve', 'dns.plan'])('goes ahead of a change that is at %s; that is prepared again', async (name) => {
    const world = await publishedWorld();
    const { supervisor, reached, release } = hold(name, world);
    const changed = supervisor.writer.submit({ kind: 'replace', rules: NEXT }, { reason: 'user' });
    await reached;
    await supervisor.writer.withdraw(WITHDRAWN, 'device');
    expect(servesStolen(world)).toBe(false);
    release();
    await changed;
    expect(servesStolen(world)).toBe(false);
    expect(world.eventTypes()).toEqual(['forwarding.accepted', 'forwarding.applied', 'forwarding.accepted', 'forwarding.applied']);
  });

  test('goes ahead while Cloudflare\'s limit on requests is waited for', async () => {
    const world = await publishedWorld();
    const { supervisor, reached, release } = hold('dns.awaitTurn', world);
    const changed = supervisor.writer.submit({ kind: 'replace', rules: NEXT }, { reason: 'user' });
    await reached;
    await supervisor.writer.withdraw(WITHDRAWN, 'device');
    expect(servesStolen(world)).toBe(false);
    release();
    expect(await changed).toMatchObject({ outcome: 'applied' });
    expect(servesStolen(world)).toBe(false);
  });

  test('goes ahead while the successor of a change is waited for; what that was to end ends', async () => {
    const world = await publishedWorld(RULES.slice(0, 1));
    const { supervisor, reached, release } = hold('connectors.awaitSuccessor', world);
    const changed = supervisor.writer.submit({ kind: 'replace', rules: RULES }, { reason: 'user' });
    await reached;
    const { revision } = await supervisor.writer.withdraw(WITHDRAWN, 'device');
    expect(servesStolen(world)).toBe(false);
    release();
    expect(await changed).toMatchObject({ outcome: 'applied', revision });
    expect(world.processes.map((process) => process.revision)).toEqual([revision]);
  });

  test('goes ahead while records are withdrawn, after the commit', async () => {
    const world = await publishedWorld();
    const { supervisor, reached, release } = hold('dns.execute app.example.com', world);
    const changed = supervisor.writer.submit({ kind: 'replace', rules: RULES.slice(1) }, { reason: 'user' });
    await reached;
    const { revision } = await supervisor.writer.withdraw(WITHDRAWN, 'device');
    expect(servesStolen(world)).toBe(false);
    release();
    expect(await changed).toMatchObject({ outcome: 'applied', revision });
    expect(world.copy).toBe(revision);
    expect([...world.records.keys()]).toEqual(['device.example.com']);
  });

  test('killed at any call of both, the address does not come back once it was withdrawn', async () => {
    const run = async (killAt?: SupervisorOptions['killAt']): Promise<{ readonly world: World; readonly supervisor: Supervisor }> => {
      const world = await publishedWorld();
      const { supervisor, reached, release } = hold('dns.execute one.example.com', world, killAt === undefined ? {} : { killAt });
      const changed = supervisor.writer.submit({ kind: 'replace', rules: NEXT }, { reason: 'user' }).catch(() => undefined);
      const withdrawn = reached.then(() => supervisor.writer.withdraw(WITHDRAWN, 'device')).then(() => release());
      await Promise.race([Promise.all([changed, withdrawn]), supervisor.killed]);
      return { world, supervisor };
    };
    const { supervisor: whole } = await run();
    for (const [call, name] of whole.calls.entries()) {
      for (const op of ['before', 'after'] as const) {
        const { world } = await run({ call, op });
        const wasWithdrawn = [...world.revisions.values()].some(({ revision }) => revision.reason === 'device' && revision.revision <= (world.committed ?? 0));
        await restart(world);
        const message = `killed ${op} ${name}`;
        if (wasWithdrawn) expect(servesStolen(world), message).toBe(false);
        expect(world.journals.size, message).toBe(0);
        expect(world.processes, message).toHaveLength(1);
        expect(world.serving()[0]?.config, message).toBe(world.revisions.get(world.committed ?? 0)?.yaml);
        const names = world.revisions.get(world.committed ?? 0)?.revision.rules.map(({ rule }) => rule.hostname).sort();
        expect([...world.records.keys()].sort(), message).toEqual(names);
        expect([2, 4], message).toContain(names?.length);
      }
    }
  });
});
