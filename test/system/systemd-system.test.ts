import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { foreignFiles } from './machine/home.js';
import { lacksForBooted } from './machine/requirements.js';
import { signal } from './machine/machine.js';
import { until } from './machine/until.js';
import { createWorld, HOSTNAME, isServed, startLoad, type Site, type World } from './machine/world.js';

const lack = lacksForBooted();
const UNIT = 'cloudflared-supervisor.service';
const FOREIGN_UNIT = '[Service]\nExecStart=/usr/bin/sleep infinity\n';

/** One machine through the life of one service: the tests are its chapters. */
describe.skipIf(lack !== undefined)(`a unit of the machine under a real systemd${lack === undefined ? '' : ` (${lack})`}`, () => {
  let world: World;
  let site: Site;
  const status = async () => await site.client().status();
  const show = async (property: string): Promise<string> => (await site.machine.sh(`systemctl show --value -p ${property} ${UNIT}`)).trim();
  /** A drop-in, as an administrator writes it, and a daemon that runs with it. */
  const override = async (setting: string): Promise<void> => {
    await site.machine.sh(`mkdir -p /etc/systemd/system/${UNIT}.d && printf '[Service]\\n%s\\n' ${setting} > /etc/systemd/system/${UNIT}.d/test.conf && systemctl daemon-reload`);
    await site.json('svc', ['service', 'restart']);
    await site.settle();
  };

  beforeAll(async () => {
    world = await createWorld();
    site = await world.start({ kind: 'booted', users: { svc: 1500, other: 1501 } });
    await site.machine.sh('for user in svc other; do echo "$user ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/$user; done');
    await site.machine.sh(`printf '${FOREIGN_UNIT.replaceAll('\n', String.raw`\n`)}' > /etc/systemd/system/cloudflared.service && systemctl start cloudflared`);
  });
  afterAll(() => world.close());

  test('a daemon in the background hands over to it', async () => {
    await site.json('svc', ['up']);
    await site.publish('svc');
    await site.settle();
    const load = startLoad(world);
    const before = site.daemon().innerPid;
    expect(await site.json('svc', ['service', 'install'])).toMatchObject({ installed: true, init: 'systemd', scope: 'system', user: 'svc', hardening: 'full', warnings: [] });
    await site.settle();
    expect([...(await load.stop()).reasons]).toEqual([]);
    expect(site.daemon().innerPid).not.toBe(before);
    expect(await site.json('svc', ['service', 'status'])).toMatchObject({ active: 'active', enabled: true, pid: site.daemon().innerPid, serving: { pid: site.daemon().innerPid } });
    expect(await show('NoNewPrivileges')).toBe('yes');
  });

  test('a killed daemon comes back, and its connector served on', async () => {
    const { innerPid } = site.daemon();
    const load = startLoad(world);
    signal([site.daemon()], 'SIGKILL');
    await until(async () => (await status()).daemon.pid, (next) => next !== innerPid);
    await site.settle();
    expect([...(await load.stop()).reasons]).toEqual([]);
    expect(await show('NRestarts')).not.toBe('0');
  });

  test('a killed connector comes back', async () => {
    const killed = site.connectors();
    signal(killed, 'SIGKILL');
    await until(async () => await world.visitors.get(HOSTNAME), (answer) => !isServed(answer)).catch(() => undefined);
    await world.visitors.until(HOSTNAME, isServed, 10_000);
    expect(site.connectors().map(({ pid }) => pid)).not.toContain(killed[0]?.pid);
  });

  test('a daemon that hangs is found by the watchdog, and visitors do not notice', async () => {
    await override('WatchdogSec=2');
    const { innerPid } = site.daemon();
    const load = startLoad(world);
    signal([site.daemon()], 'SIGSTOP');
    await until(async () => (await site.machine.sh(`journalctl -u ${UNIT} --no-pager`)).includes('Watchdog timeout'), (isThere) => isThere);
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
    expect(restarted).toMatchObject({ started: true, unit: `/etc/systemd/system/${UNIT}`, pid: site.daemon().innerPid });
    expect(restarted['pid']).not.toBe(innerPid);
    await site.machine.sh('mv /root/svc.sudoers /etc/sudoers.d/svc');
  });

  test('installed again with other options: they count, and nothing is lost', async () => {
    const load = startLoad(world);
    await site.json('svc', ['service', 'install', '--grace-period', '5s']);
    await site.settle();
    expect([...(await load.stop()).reasons]).toEqual([]);
    expect(await show('TimeoutStopUSec')).toBe('40s');
    expect(site.daemon().argv.join(' ')).toContain('--grace-period 5s');
  });

  test('stopped with a request in flight: it is answered, and nothing is left', async () => {
    const slow = world.visitors.get(HOSTNAME, '/slow');
    await world.visitors.get(HOSTNAME, '/');
    await site.machine.must(['systemctl', 'stop', UNIT]);
    expect(await slow).toSatisfy(isServed);
    expect(site.connectors()).toEqual([]);
    expect([await show('ActiveState'), await show('Result')]).toEqual(['inactive', 'success']);
  });

  test('`up` starts the unit, `down` stops it for good', async () => {
    expect(await site.json('svc', ['up'])).toMatchObject({ started: true, unit: `/etc/systemd/system/${UNIT}` });
    await world.visitors.until(HOSTNAME, isServed, 10_000);
    expect(await show('ActiveState')).toBe('active');
    await site.json('svc', ['down']);
    expect(await until(async () => await show('ActiveState'), (state) => state !== 'deactivating')).toBe('inactive');
    expect(site.connectors()).toEqual([]);
    await site.json('svc', ['service', 'start']);
    await site.settle();
  });

  test('a daemon that does not stop is forced, and its connectors are swept', async () => {
    await override('TimeoutStopSec=3');
    const slow = world.visitors.get(HOSTNAME, '/slow');
    await world.visitors.get(HOSTNAME, '/');
    const stopping = site.machine.must(['systemctl', 'stop', UNIT]);
    // Once it has told its connector, which would cut off its visitors were it told again.
    await until(async () => await world.visitors.get(HOSTNAME), (answer) => !isServed(answer));
    signal([site.daemon()], 'SIGSTOP');
    await stopping;
    expect(await slow).toSatisfy(isServed);
    expect(site.connectors()).toEqual([]);
    expect(await show('Result')).toBe('timeout');
    await site.json('svc', ['service', 'start']);
    await site.settle();
  });

  test('it is there after a boot', async () => {
    await site.machine.reboot();
    await world.visitors.until(HOSTNAME, isServed, 20_000);
    expect(await show('ActiveState')).toBe('active');
  });

  test("another user's, or somebody else's, is not overwritten", async () => {
    const { code, stdout } = await site.cli('other', ['service', 'install', '--json']);
    expect(code).toBe(5);
    expect(JSON.parse(stdout)).toMatchObject({ code: 'SERVICE_FOREIGN' });
    expect((await status()).daemon.user).toBe('svc');
  });

  test('by sudo, by root and by the user: it is always for the user, and nothing in the home is root’s', async () => {
    await site.cli('svc', ['service', 'restart', '--json'], { env: {} });
    await site.machine.must(['sudo', '-u', 'svc', 'sudo', '/opt/node/bin/node', '/opt/cloudflared-supervisor/dist/cli/main.js', 'service', 'restart', '--json']);
    expect(await site.json('root', ['service', 'status', '--user', 'svc'])).toMatchObject({ installed: true, user: 'svc', active: 'active' });
    expect(foreignFiles(site.machine, '/home/svc', 1500)).toEqual([]);
  });

  test('removed: unit, daemon and connectors are gone, and what it kept stays', async () => {
    await site.json('svc', ['service', 'remove']);
    expect(await site.json('svc', ['service', 'status'])).toMatchObject({ installed: false, serving: null });
    expect(site.connectors()).toEqual([]);
    expect(await site.machine.sh(`ls /etc/systemd/system /etc | grep -e ${UNIT} -e cloudflared-supervisor.env || true`)).toBe(`${UNIT}.d\n`);
    expect((await site.machine.run(['systemctl', 'status', UNIT])).code).toBe(4);
    expect(site.machine.read('/home/svc/.cloudflared/supervisor/cert.pem')).not.toBe('');
    expect(site.machine.read('/etc/systemd/system/cloudflared.service')).toBe(FOREIGN_UNIT);
    expect(foreignFiles(site.machine, '/home/svc', 1500)).toEqual([]);
    await site.json('svc', ['up']);
    await world.visitors.until(HOSTNAME, isServed, 10_000);
  });
});
