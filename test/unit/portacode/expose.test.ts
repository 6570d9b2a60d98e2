import { describe, expect, test } from 'vitest';
import { SupervisorError } from '../../../src/core/errors.js';
import type { ForwardingRule } from '../../../src/core/rule.js';
import { createExpose } from '../../../src/portacode/expose.js';
import type { ContainerFiles } from '../../../src/portacode/pct.js';
import type { ChangeAnswer, StoredRules } from '../../../src/portacode/ports.js';

const TUNNEL = { id: 't', name: 'portacode-proxmox-6', accountId: 'a', zoneId: 'z', domain: 'example.com', madeByUs: true, joined: false };

/** One host: what is stored, one container, and what is to happen before a change has its turn. */
function setUp(stored: StoredRules = { rules: [], setAside: [] }) {
  const world = { stored, told: undefined as string | undefined, tells: 0, before: (): void => undefined, active: 0, mostActive: 0 };
  const files: ContainerFiles = {
    read: () => Promise.resolve(world.told),
    replace: (_vmid, _path, content) => {
      world.told = content;
      world.tells += 1;
      return Promise.resolve();
    },
  };
  const answer = (): ChangeAnswer => ({
    outcome: 'applied', change: 'c', revision: 1, warnings: [], plan: null, durationMs: 1,
    rules: world.stored.rules.map(({ hostname, destination }) => ({ hostname, destination, path: null, status: 'live', resolvedIp: null, dns: 'created' })),
  });
  const expose = createExpose(
    {
      tunnel: () => TUNNEL,
      devices: { findVmid: () => Promise.resolve(141), reconcile: () => Promise.resolve(false) },
      forwarding: {
        current: () => ({ stored: world.stored, views: [], at: undefined }),
        edit: async (edit) => {
          world.active += 1;
          world.mostActive = Math.max(world.mostActive, world.active);
          await new Promise((resolve) => setImmediate(resolve));
          world.active -= 1;
          world.before();
          world.stored = edit(world.stored);
          return answer();
        },
        refresh: () => Promise.resolve(answer()),
      },
    },
    files,
  );
  return { world, expose };
}

const http = (port: number) => ({ port, protocol: 'http' as const });
const rule = (name: string, destination: string): ForwardingRule => ({ hostname: `${name}.example.com`, destination });

describe('exposing', () => {
  test('a name that somebody takes meanwhile is given up, and the container is told of the other', async () => {
    const { world, expose } = setUp();
    world.before = () => {
      world.before = () => undefined;
      world.stored = { ...world.stored, rules: [...world.stored.rules, rule('598', 'http://127.0.0.1:1')] };
    };
    const { exposed } = await expose({ deviceId: '598', specs: [http(3001)] });
    expect(exposed.map(({ hostname }) => hostname)).toEqual(['598-3001.example.com']);
    expect([world.told?.includes('598-3001.example.com'), world.tells]).toEqual([true, 2]);
    expect(world.stored.rules.map(({ hostname }) => hostname)).toEqual(['598.example.com', '598-3001.example.com']);
  });

  test('names that are taken again and again are given up in the end', async () => {
    const { world, expose } = setUp();
    let taken = 0;
    world.before = () => {
      taken += 1;
      const name = taken === 1 ? '598' : taken === 2 ? '598-3001' : `598-3001-${taken - 1}`;
      world.stored = { ...world.stored, rules: [...world.stored.rules, rule(name, 'http://127.0.0.1:1')] };
    };
    await expect(expose({ deviceId: '598', specs: [http(3001)] })).rejects.toMatchObject({ code: 'DAEMON_BUSY' });
    expect(taken).toBe(5);
    // It does not keep names that it did not get.
    expect(JSON.parse(world.told ?? '')).toEqual({ device_id: '598', exposed_services: [] });
  });

  test('where the change fails after names had moved, the container is told of what it has', async () => {
    const { world, expose } = setUp();
    world.before = () => {
      const { stored } = world;
      world.stored = { ...stored, rules: [rule('598', 'http://127.0.0.1:1')] };
      // Given back at once: the container was told rightly before, and is not told again.
      queueMicrotask(() => (world.stored = stored));
      world.before = () => {
        throw new SupervisorError('CONFIG_REFUSED', 'no');
      };
    };
    await expect(expose({ deviceId: '598', specs: [http(3001)] })).rejects.toMatchObject({ code: 'CONFIG_REFUSED' });
    expect(JSON.parse(world.told ?? '')).toEqual({ device_id: '598', exposed_services: [] });
    expect(world.tells).toBe(2);
  });

  test('of one device goes one after the other, of others beside it', async () => {
    const { world, expose } = setUp();
    await Promise.all([expose({ deviceId: '598', specs: [http(1)] }), expose({ deviceId: '598', specs: [http(2)] }), expose({ deviceId: '599', specs: [http(1)] })]);
    expect(world.mostActive).toBe(2);
    expect(world.stored.rules.map(({ destination }) => destination).sort()).toEqual(['http://[598]:2', 'http://[599]:1']);
  });

  test('a dry run tells the container nothing', async () => {
    const { world, expose } = setUp();
    await expose({ deviceId: '598', specs: [http(1)], dryRun: true });
    expect(world.tells).toBe(0);
  });

  test('a failure that the next start makes good is not taken back in the container', async () => {
    const { world, expose } = setUp();
    world.before = () => {
      throw new SupervisorError('DAEMON_STOPPING', 'stopping');
    };
    await expect(expose({ deviceId: '598', specs: [http(1)] })).rejects.toMatchObject({ code: 'DAEMON_STOPPING' });
    expect(world.tells).toBe(1);
    world.before = () => {
      throw new SupervisorError('DNS_CONFLICT', 'taken');
    };
    await expect(expose({ deviceId: '598', specs: [http(2)] })).rejects.toMatchObject({ code: 'DNS_CONFLICT' });
    expect(world.told).toContain('"exposed_services": []');
  });

  test('what of it was set aside with another zone does not come back', async () => {
    const aside = [{ hostname: 'x.old.org', destination: 'http://[598]:1' }, { hostname: 'y.old.org', destination: 'http://[7]:1' }];
    const { world, expose } = setUp({ rules: [], setAside: aside });
    await expose({ deviceId: '598', specs: [] });
    expect(world.stored.setAside).toEqual([aside[1]]);
  });
});
