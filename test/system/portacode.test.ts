import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { agents, installOpenrcAgent, installSystemdAgent } from './machine/agent.js';
import { foreignFiles } from './machine/home.js';
import { signal } from './machine/machine.js';
import { bootOpenrc } from './machine/openrc.js';
import { measureOutage, type Outage } from './machine/outage.js';
import { lacksForBooted, lacksForImage } from './machine/requirements.js';
import { until } from './machine/until.js';
import { createWorld, HOSTNAME, isServed, type Site, type World } from './machine/world.js';

/** The agent is started again by its init system after five seconds; the rest is starting. */
const LONGEST_OUTAGE_MS = 20_000;

/** How agents go: for an update of theirs, by accident, or by hand. */
const WAYS = ['exits with 42', 'is killed', 'is restarted'] as const;

const INITS = [
  { init: 'systemd', kind: 'booted', lack: lacksForBooted(), install: installSystemdAgent, restart: ['systemctl', 'restart', 'portacode'], prepare: () => Promise.resolve() },
  { init: 'OpenRC', kind: 'image', lack: lacksForImage(), install: installOpenrcAgent, restart: ['/sbin/rc-service', 'portacode', 'restart'], prepare: (site: Site) => bootOpenrc(site.machine) },
] as const;

describe.each(INITS)('under an agent of $init', ({ init, kind, lack, install, restart, prepare }) => {
  describe.skipIf(lack !== undefined)(lack ?? 'which is root and works for a user', () => {
    let world: World;
    let site: Site;
    beforeAll(async () => {
      world = await createWorld();
      site = await world.start({ kind, users: { svc: 1500 } });
      await prepare(site);
    });
    afterAll(() => world.close());

    const leave = async (way: (typeof WAYS)[number]): Promise<Outage> => {
      await site.settle();
      const [agent] = agents(site);
      return await measureOutage(world, async () => {
        if (way === 'is restarted') await site.machine.must(restart);
        else signal(agents(site), way === 'is killed' ? 'SIGKILL' : 'SIGUSR1');
        await until(() => agents(site), (found) => found.length === 1 && found[0]?.pid !== agent?.pid, LONGEST_OUTAGE_MS);
        await world.visitors.until(HOSTNAME, isServed, LONGEST_OUTAGE_MS);
        await site.settle();
      });
    };
    const shown = (): Promise<unknown> => site.json('root', ['status', '--portacode', '--user', 'svc']);
    const report = (how: string, way: string, { requests, lost, ms }: Outage): void => {
      process.stdout.write(`  measured: ${init}, ${how}, the agent ${way}: ${lost} of ${requests} requests lost, over ${(ms / 1_000).toFixed(1)} s\n`);
    };

    test('the daemon is a child of the agent, which starts it', async () => {
      await install(site, world.environment);
      await until(async () => (await site.client().status()).daemon.user, (user) => user === 'svc');
      await site.publish('svc');
      expect(foreignFiles(site.machine, '/home/svc', 1500)).toEqual([]);
      // What the agent's unit leaves in the environment of its child is not taken for a unit of the daemon's.
      expect(await shown()).toMatchObject({ cloudflare_tunnel: { configured: true, service_installed: false } });
    });

    test.each(WAYS)('as its child: it %s, and what it started is there again in time', async (way) => {
      const outage = await leave(way);
      report('as its child', way, outage);
      // systemd ends what the agent started; OpenRC leaves it alone.
      if (init === 'systemd') expect(outage.ms).toBeLessThan(LONGEST_OUTAGE_MS);
      else expect(outage.lost).toBe(0);
      expect(site.connectors()).toHaveLength(1);
      expect(foreignFiles(site.machine, '/home/svc', 1500)).toEqual([]);
    });

    test('our own unit takes over from it, without a loss', async () => {
      const outage = await measureOutage(world, async () => {
        await site.json('root', ['service', 'install', '--user', 'svc']);
        await site.settle();
      });
      expect(outage.lost).toBe(0);
      expect(await shown()).toMatchObject({ cloudflare_tunnel: { configured: true, service_installed: true } });
    });

    test.each(WAYS)('beside our own unit: it %s, and nobody notices', async (way) => {
      const { innerPid } = site.daemon();
      const outage = await leave(way);
      report('beside our own unit', way, outage);
      expect(outage.lost).toBe(0);
      expect(site.daemon().innerPid).toBe(innerPid);
    });
  });
});
