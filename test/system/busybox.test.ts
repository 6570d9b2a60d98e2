import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { foreignFiles } from './machine/home.js';
import { signal } from './machine/machine.js';
import { bootOpenrc } from './machine/openrc.js';
import { awaitImage } from './machine/prepare-run.js';
import { lacksForBusybox, lacksForImage } from './machine/requirements.js';
import { until } from './machine/until.js';
import { createWorld, HOSTNAME, isServed, startLoad, type Site, type World } from './machine/world.js';

const lack = lacksForImage() ?? lacksForBusybox();

/** Alpine's programs with a Node for glibc: Node's own builds for musl are not to be had from packages, so musl is untested. */
describe.skipIf(lack !== undefined)(`a userland of busybox, without ps${lack === undefined ? '' : ` (${lack})`}`, () => {
  let image = '';
  let world: World;
  let site: Site;

  beforeAll(async () => {
    image = mkdtempSync(join(tmpdir(), 'supervisor-busybox-'));
    const { status, stderr } = spawnSync('/bin/sh', [join(import.meta.dirname, 'machine/busybox-root.sh'), image, process.execPath, await awaitImage(inject('runDirectory'))], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    world = await createWorld();
    site = await world.start({ kind: 'image', image, users: { svc: 1500 } });
    // Not asked of its shell, which has programs of its own.
    for (const directory of ['bin', 'usr/bin', 'sbin']) expect(existsSync(join(site.machine.root, directory, 'ps'))).toBe(false);
  });
  afterAll(async () => {
    await world.close();
    rmSync(image, { recursive: true });
  });

  test('serves in the background, and is taken over by the next `up` after a crash', async () => {
    await site.json('svc', ['up', '--grace-period', '2s']);
    await site.publish('svc');
    await site.settle();
    const load = startLoad(world);
    signal([site.daemon()], 'SIGKILL');
    await site.json('svc', ['up', '--grace-period', '2s']);
    await site.settle();
    expect([...(await load.stop()).reasons]).toEqual([]);
  });

  test('a connector that does not end by itself is ended', async () => {
    signal(site.connectors(), 'SIGSTOP');
    await site.json('svc', ['down']);
    expect(site.connectors()).toEqual([]);
  });

  test('a service of its OpenRC: installed, killed, stopped, started, removed', async () => {
    await bootOpenrc(site.machine);
    expect(await site.json('root', ['service', 'install', '--user', 'svc'])).toMatchObject({ installed: true, init: 'openrc' });
    await world.visitors.until(HOSTNAME, isServed, 10_000);
    const { innerPid } = site.daemon();
    const load = startLoad(world);
    signal([site.daemon()], 'SIGKILL');
    await until(async () => (await site.client().status()).daemon.pid, (pid) => pid !== innerPid);
    await site.settle();
    expect([...(await load.stop()).reasons]).toEqual([]);
    expect((await site.machine.run(['/sbin/rc-service', 'cloudflared-supervisor', 'status'])).code).toBe(0);
    await site.machine.must(['/sbin/rc-service', 'cloudflared-supervisor', 'stop']);
    expect(site.connectors()).toEqual([]);
    await site.json('root', ['service', 'start', '--user', 'svc']);
    await world.visitors.until(HOSTNAME, isServed, 10_000);
    await site.json('root', ['service', 'remove', '--user', 'svc']);
    expect(site.connectors()).toEqual([]);
    expect(foreignFiles(site.machine, '/home/svc', 1500)).toEqual([]);
  });
});
