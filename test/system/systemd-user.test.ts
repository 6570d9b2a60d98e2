import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { foreignFiles } from './machine/home.js';
import { signal } from './machine/machine.js';
import { lacksForBooted } from './machine/requirements.js';
import { until } from './machine/until.js';
import { createWorld, HOSTNAME, isServed, startLoad, type Site, type World } from './machine/world.js';

const lack = lacksForBooted();
const UNIT = '/home/svc/.config/systemd/user/cloudflared-supervisor.service';

/** One machine through the life of one service of a user without any rights: the tests are its chapters. */
describe.skipIf(lack !== undefined)(`a unit of the user's own systemd${lack === undefined ? '' : ` (${lack})`}`, () => {
  let world: World;
  let site: Site;
  const status = async () => await site.client().status();

  beforeAll(async () => {
    world = await createWorld();
    site = await world.start({ kind: 'booted', users: { svc: 1500 } });
  });
  afterAll(() => world.close());

  test('without the right to linger, and without a session, there is no systemd of the user: it is said what an administrator does', async () => {
    const { code, stdout } = await site.cli('svc', ['service', 'install', '--scope', 'user', '--json']);
    expect(code).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({ code: 'PRIVILEGE_PASSWORD_REQUIRED', message: expect.stringContaining('enable-linger svc') as string });
  });

  test('installed by root for the user, it serves', async () => {
    expect(await site.json('root', ['service', 'install', '--scope', 'user', '--user', 'svc'])).toMatchObject({ installed: true, init: 'systemd', scope: 'user', unit: UNIT, user: 'svc', hardening: 'kernel', warnings: [] });
    await site.publish('svc');
    expect(await site.json('svc', ['service', 'status'])).toMatchObject({ scope: 'user', active: 'active', enabled: true, pid: site.daemon().innerPid });
    expect(foreignFiles(site.machine, '/home/svc', 1500)).toEqual([]);
  });

  test('driven by the user, who lingers now, without any rights', async () => {
    const load = startLoad(world);
    await site.json('svc', ['service', 'install', '--scope', 'user']);
    await site.settle();
    expect([...(await load.stop()).reasons]).toEqual([]);
    await site.json('svc', ['service', 'stop']);
    expect(site.connectors()).toEqual([]);
    expect(await site.json('svc', ['up'])).toMatchObject({ started: true, unit: UNIT });
    await site.settle();
  });

  test('a killed daemon comes back, and its connector served on', async () => {
    const { innerPid } = site.daemon();
    const load = startLoad(world);
    signal([site.daemon()], 'SIGKILL');
    await until(async () => (await status()).daemon.pid, (next) => next !== innerPid);
    await site.settle();
    expect([...(await load.stop()).reasons]).toEqual([]);
  });

  test('it is there after a boot, without a session of the user', async () => {
    await site.machine.reboot();
    await world.visitors.until(HOSTNAME, isServed, 20_000);
  });

  test('removed by root: nothing of it is left, and nothing in the home is root’s', async () => {
    await site.json('root', ['service', 'remove', '--user', 'svc']);
    expect(await site.json('svc', ['service', 'status'])).toMatchObject({ installed: false, serving: null });
    expect(await site.machine.sh('find /home/svc -name "*.service" -o -name service.env')).toBe('');
    expect(foreignFiles(site.machine, '/home/svc', 1500)).toEqual([]);
  });
});
