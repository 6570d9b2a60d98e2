import { once } from 'node:events';
import { existsSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CLI, NODE } from './machine/machine.js';
import { lacksForBooted, lacksForHost, type Lack } from './machine/requirements.js';
import { until } from './machine/until.js';
import { createWorld, HOSTNAME, isServed, type Site } from './machine/world.js';

const PTY = 'node_modules/node-pty';
const lacksPty = (): Lack => (existsSync(join(import.meta.dirname, '../..', PTY, 'build/Release/pty.node')) ? undefined : 'node-pty is not built here');

interface Place {
  readonly kind: 'host' | 'booted';
  readonly prepare: (site: Site) => Promise<unknown>;
  /** What the login's standard output is. */
  readonly output: RegExp;
}

const PLACES: readonly (readonly [name: string, lack: Lack, place: Place])[] = [
  ['through a pseudo terminal', lacksForHost() ?? lacksPty(), { kind: 'host', prepare: (site) => site.json('svc', ['up']), output: /^\/dev\/pts\// }],
  [
    'through pipes, where node-pty is not installed', lacksForHost(),
    { kind: 'host', prepare: async (site) => { await site.machine.sh(`if [ -d /opt/cloudflared-supervisor/${PTY} ]; then mount -t tmpfs tmpfs /opt/cloudflared-supervisor/${PTY}; fi`); await site.json('svc', ['up']); }, output: /^(pipe|socket):/ },
  ],
  ['through a pseudo terminal, in a hardened unit', lacksForBooted() ?? lacksPty(), { kind: 'booted', prepare: (site) => site.json('root', ['service', 'install', '--user', 'svc']), output: /^\/dev\/pts\// }],
];

describe('a person logs in', () => {
  for (const [name, lack, { kind, prepare, output }] of PLACES) {
    test.skipIf(lack !== undefined)(lack === undefined ? name : `${name} (${lack})`, async () => {
      const world = await createWorld();
      onTestFinished(() => world.close());
      const site = await world.start({ kind, users: { svc: 1500 } });
      await prepare(site);
      const setup = site.machine.spawn([NODE, CLI, 'setup', '--json'], { user: 'svc' });
      let said = '';
      setup.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
      const ended = once(setup, 'exit');
      await world.sandbox.world.changes.wait(() => world.sandbox.logins.list().find(({ polls }) => polls > 0), 20_000);
      const [login] = await until(() => site.machine.processes(({ argv }) => argv.at(-1) === 'login' && argv[0] !== '/bin/sh'), ({ length }) => length === 1);
      expect(readlinkSync(`/proc/${login?.pid}/fd/1`)).toMatch(output);
      world.sandbox.logins.authorise();
      expect(await ended).toEqual([0, null]);
      expect(said).toContain('"type":"login.url-issued"');
      await site.json('svc', ['forward', 'add', HOSTNAME, world.origin.url]);
      await world.visitors.until(HOSTNAME, isServed, 5_000);
      expect(site.machine.processes(({ argv }) => argv.at(-1) === 'login')).toEqual([]);
    });
  }
});
