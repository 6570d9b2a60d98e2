import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { foreignFiles } from './machine/home.js';
import { CLI, NODE, signal } from './machine/machine.js';
import { lacksForHost, lacksProgram } from './machine/requirements.js';
import { until } from './machine/until.js';
import { createWorld, HOSTNAME, isServed, startLoad, type Site, type World } from './machine/world.js';

const ENTRY_POINT = '/opt/cloudflared-supervisor/init-scripts/container-entrypoint.sh';

interface Container {
  readonly child: ChildProcess;
  /** What runs as PID 1, seen from here. */
  readonly init: number;
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** As a container engine starts it: PID 1 of a namespace of its own, as the user of the image. */
async function startContainer(world: World, site: Site, shell: readonly string[], options: readonly string[]): Promise<Container> {
  const child = site.machine.spawn(['unshare', '--pid', '--fork', '--kill-child', '--mount-proc', 'setpriv', '--reuid=1500', '--regid=1500', '--clear-groups', ...shell, ENTRY_POINT, ...options], { env: { ...world.environment, NODE, HOME: '/nonexistent' } });
  child.stdout?.resume();
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(child, 'exit').then(([code, killedBy]) => (killedBy ?? code) as number | NodeJS.Signals);
  const init = await until(() => site.machine.processes(({ argv }) => argv.includes(ENTRY_POINT)).find(({ innerPid }) => innerPid === 1)?.pid ?? 0, (pid) => pid !== 0).catch((error: unknown) => {
    throw new Error(said, { cause: error });
  });
  return { child, init, ended };
}

describe.each([
  ['no init', ['/bin/sh']],
  ["no init, in busybox's shell", ['busybox', 'sh']],
  ['tini', ['tini', '--', '/bin/sh']],
  ['dumb-init', ['dumb-init', '--', '/bin/sh']],
] as const)('the entry point of a container, with %s', (name, shell) => {
  const lack = lacksForHost() ?? lacksProgram(shell[0]);
  describe.skipIf(lack !== undefined)(lack ?? 'as PID 1', () => {
    let world: World;
    let site: Site;
    let container: Container;
    beforeEach(async () => {
      world = await createWorld();
      site = await world.start({ kind: 'host', users: { svc: 1500 } });
      container = await startContainer(world, site, shell, ['--grace-period', '10s']);
      await until(async () => await site.client().status(), () => true);
      await site.publish('svc');
    });
    afterEach(() => world.close());

    test('serves, reaps, hands over within the container, drains when told to stop, and ends with 0', async () => {
      expect(await site.json('svc', ['service', 'status'])).toMatchObject({ installed: false, init: 'none' });
      // Left to PID 1, where nobody waits for it.
      await site.machine.must(['nsenter', '-t', String(innerOf(container.init)), '-p', '-m', '/bin/sh', '-c', '(sleep 0.05; exit) & exit 0']);
      await until(() => zombiesOf(container.init), (zombies) => zombies.length === 0 && sleepersOf(site).length === 0);

      await site.settle();
      const load = startLoad(world);
      const first = site.daemon().innerPid;
      await site.client().stopDaemon({ handover: true });
      const second = await until(async () => (await site.client().status()).daemon.pid, (pid) => pid !== first);
      await site.settle();
      // As somebody who is in the container does it, who must not start a daemon beside the one of the entry point.
      await site.machine.must(['nsenter', '-t', String(innerOf(container.init)), '-p', '-m', 'setpriv', '--reuid=1500', '--regid=1500', '--clear-groups', NODE, CLI, 'up', '--restart'], { env: { ...world.environment } });
      expect((await site.client().status()).daemon.pid).not.toBe(second);
      await site.settle();
      expect([...(await load.stop()).reasons]).toEqual([]);

      const slow = world.visitors.get(HOSTNAME, '/slow');
      await world.visitors.get(HOSTNAME, '/');
      process.kill(container.init, 'SIGTERM');
      expect(await slow).toSatisfy(isServed);
      expect(await container.ended).toBe(0);
      expect(site.connectors()).toEqual([]);
      expect(foreignFiles(site.machine, '/home/svc', 1500)).toEqual([]);
    });

    test('a killed connector comes back; a killed daemon ends the container with its code', async () => {
      signal(await until(() => site.connectors(), ({ length }) => length === 1), 'SIGKILL');
      await world.visitors.until(HOSTNAME, isServed, 10_000);
      signal([site.daemon()], 'SIGKILL');
      expect(await container.ended).toBe(137);
      await until(() => site.connectors(), (connectors) => connectors.length === 0);
      // The volume is still there.
      container = await startContainer(world, site, shell, []);
      await world.visitors.until(HOSTNAME, isServed, 15_000);
    });

    test(`ends with the daemon’s code for wrong options (${name})`, async () => {
      const wrong = site.machine.spawn(['unshare', '--pid', '--fork', '--kill-child', '--mount-proc', ...shell, ENTRY_POINT, '--connections', '99'], { env: { NODE } });
      expect(await once(wrong, 'exit')).toEqual([2, null]);
    });
  });
});

describe.skipIf(lacksForHost() !== undefined)(`without an init${lacksForHost() === undefined ? '' : ` (${lacksForHost() ?? ''})`}`, () => {
  test('there is no service, and it is said how to do without', async () => {
    const world = await createWorld();
    const site = await world.start({ kind: 'host', users: { svc: 1500 } });
    const { code, stderr } = await site.cli('svc', ['service', 'install']);
    expect(code).toBe(4);
    for (const word of ['SERVICE_UNSUPPORTED', 'cloudflared-supervisor up', 'cron', 'cloudflared-supervisor run', 'container-entrypoint.sh']) expect(stderr).toContain(word);
    await world.close();
  });

  test('`up` serves in the background, survives its shell, and is taken over after a crash by the next `up`, as by cron', async () => {
    const world = await createWorld();
    const site = await world.start({ kind: 'host', users: { svc: 1500 } });
    const up = ['/bin/sh', '-c', `${NODE} /opt/cloudflared-supervisor/dist/cli/main.js up`];
    await site.machine.must(up, { user: 'svc', env: { ...world.environment } });
    await site.publish('svc');
    await site.settle();
    const load = startLoad(world);
    signal([site.daemon()], 'SIGKILL');
    await site.machine.must(up, { user: 'svc', env: { ...world.environment, HOME: '/home/svc', SHELL: '/bin/sh', PATH: '/usr/bin:/bin' } });
    await site.settle();
    expect([...(await load.stop()).reasons]).toEqual([]);
    await world.close();
  });
});

const innerOf = (pid: number): number => Number(/^NSpid:\s+\d+\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

const sleepersOf = (site: Site): readonly unknown[] => site.machine.processes(({ argv }) => argv[0] === 'sleep');

/** Dead children of this process that it has not waited for. */
const zombiesOf = (parent: number): readonly string[] =>
  readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((pid) => {
    try {
      return new RegExp(`\\) Z ${parent} `).test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    } catch {
      return false; // Gone meanwhile.
    }
  });
