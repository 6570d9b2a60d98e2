import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { foreignFiles } from './machine/home.js';
import { signal } from './machine/machine.js';
import { bootOpenrc } from './machine/openrc.js';
import { lacksForImage } from './machine/requirements.js';
import { until } from './machine/until.js';
import { createWorld, HOSTNAME, isServed, startLoad, type Site, type World } from './machine/world.js';

const lack = lacksForImage();
const SCRIPT = '/etc/init.d/cloudflared-supervisor';

/** One machine through the life of one service: the tests are its chapters. */
describe.skipIf(lack !== undefined)(`a service of a real OpenRC${lack === undefined ? '' : ` (${lack})`}`, () => {
  let world: World;
  let site: Site;
  const status = async () => await site.client().status();
  const supervisors = () => site.machine.processes(({ argv }) => argv[0]?.endsWith('supervise-daemon') === true);
  const rc = async (...words: readonly string[]) => await site.machine.run(['/sbin/rc-service', 'cloudflared-supervisor', ...words]);

  beforeAll(async () => {
    world = await createWorld();
    site = await world.start({ kind: 'image', users: { svc: 1500 } });
    await bootOpenrc(site.machine);
  });
  afterAll(() => world.close());

  test('installed by a user with sudo, it serves', async () => {
    await site.machine.sh('echo "svc ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/svc');
    expect(await site.json('svc', ['service', 'install', '--grace-period', '10s'])).toMatchObject({ installed: true, init: 'openrc', scope: 'system', unit: SCRIPT, user: 'svc', warnings: [] });
    await site.publish('svc');
    expect(await site.json('svc', ['service', 'status'])).toMatchObject({ active: 'active', enabled: true, pid: site.daemon().innerPid });
    expect((await rc('status')).code).toBe(0);
    expect(site.machine.read('/etc/cloudflared-supervisor.env')).toContain('export HTTPS_PROXY=http://127.0.0.1:');
  });

  test('there is no user scope', async () => {
    const { code, stdout } = await site.cli('svc', ['service', 'install', '--scope', 'user', '--json']);
    expect(code).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({ code: 'SERVICE_UNSUPPORTED' });
  });

  test('a killed daemon comes back, and its connector served on', async () => {
    const { innerPid } = site.daemon();
    const load = startLoad(world);
    signal([site.daemon()], 'SIGKILL');
    await until(async () => (await status()).daemon.pid, (next) => next !== innerPid);
    await site.settle();
    expect([...(await load.stop()).reasons]).toEqual([]);
  });

  test('an upgrade (`up --restart`) needs no rights and loses nothing', async () => {
    await site.machine.sh('mv /etc/sudoers.d/svc /root/svc.sudoers');
    const { innerPid } = site.daemon();
    const load = startLoad(world);
    const restarted = await site.json('svc', ['up', '--restart']);
    await site.settle();
    expect([...(await load.stop()).reasons]).toEqual([]);
    expect(restarted).toMatchObject({ started: true, unit: SCRIPT, pid: site.daemon().innerPid });
    expect(restarted['pid']).not.toBe(innerPid);
    await site.machine.sh('mv /root/svc.sudoers /etc/sudoers.d/svc');
  });

  test('stopped with a request in flight: it is answered, and nothing is left', async () => {
    const slow = world.visitors.get(HOSTNAME, '/slow');
    await world.visitors.get(HOSTNAME, '/');
    expect((await rc('stop')).code).toBe(0);
    expect(await slow).toSatisfy(isServed);
    expect(site.connectors()).toEqual([]);
    expect((await rc('status')).code).toBe(3);
    expect(await site.json('svc', ['service', 'status'])).toMatchObject({ active: 'inactive', serving: null });
  });

  test('`up` starts it, `down` stops it for good', async () => {
    expect(await site.json('svc', ['up'])).toMatchObject({ started: true, unit: SCRIPT });
    await world.visitors.until(HOSTNAME, isServed, 10_000);
    expect(await site.json('svc', ['down'])).toMatchObject({ stopped: true });
    expect((await rc('status')).code).toBe(3);
    await site.json('svc', ['service', 'start']);
    await world.visitors.until(HOSTNAME, isServed, 10_000);
  });

  test('its supervisor killed, and started again by hand: there is one daemon, and nothing is lost', async () => {
    const load = startLoad(world);
    signal(supervisors(), 'SIGKILL');
    expect(await site.json('svc', ['service', 'status'])).toMatchObject({ active: 'failed', serving: { pid: site.daemon().innerPid } });
    // OpenRC itself would start a second daemon, which our lock keeps out.
    await site.json('svc', ['service', 'start']);
    await site.settle();
    expect([...(await load.stop()).reasons]).toEqual([]);
    expect(await site.json('svc', ['service', 'status'])).toMatchObject({ active: 'active', pid: site.daemon().innerPid, serving: { pid: site.daemon().innerPid } });
  });

  test('restarted by OpenRC after its supervisor was killed: the lock holds, and stopping ends both', async () => {
    const first = site.daemon().innerPid;
    signal(supervisors(), 'SIGKILL');
    await rc('restart');
    expect(await world.visitors.get(HOSTNAME)).toSatisfy(isServed);
    expect((await status()).daemon.pid).toBe(first);
    await site.json('svc', ['service', 'stop']);
    expect(site.connectors()).toEqual([]);
    expect(site.machine.processes(({ argv }) => argv[2] === 'run')).toEqual([]);
  });

  test('removed: nothing of it is left, and nothing in the home is root’s', async () => {
    await site.json('root', ['service', 'remove', '--user', 'svc']);
    expect(await site.machine.sh('ls /etc /etc/init.d /etc/runlevels/default 2>/dev/null | grep cloudflared || true')).toBe('');
    expect(foreignFiles(site.machine, '/home/svc', 1500)).toEqual([]);
  });
});
