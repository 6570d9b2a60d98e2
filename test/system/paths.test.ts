import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askersOf, type Asker } from './machine/askers.js';
import { foreignFiles } from './machine/home.js';
import { lacksForSudo } from './machine/requirements.js';
import { createWorld, type Site, type World } from './machine/world.js';

const lack = lacksForSudo();

/** Whoever asks, and from wherever: it is the same daemon, in the same places, and the user's. */
describe.skipIf(lack !== undefined)(`the same paths whoever asks${lack === undefined ? '' : ` (${lack})`}`, () => {
  describe.each([
    ['without XDG_CONFIG_HOME', {}, '/home/svc/.config/portacode'],
    ['with XDG_CONFIG_HOME', { XDG_CONFIG_HOME: '/home/svc/.settings' }, '/home/svc/.settings/portacode'],
  ])('first run by the user %s', (_name, xdg, stateDir) => {
    let world: World;
    let site: Site;
    beforeAll(async () => {
      world = await createWorld();
      site = await world.start({ kind: 'host', users: { svc: 1500 } });
      await site.machine.sh('echo "svc ALL=(ALL) NOPASSWD:SETENV: ALL" > /etc/sudoers.d/svc && chmod 0440 /etc/sudoers.d/svc');
      await site.json('svc', ['up'], { env: xdg });
      await site.publish('svc');
    });
    afterAll(() => world.close());

    const ask = async (asker: Asker, args: readonly string[]): Promise<Record<string, unknown>> => {
      const said = await site.machine.must(asker.command([...args, '--json']), { ...(asker.user === undefined ? {} : { user: asker.user }), env: asker.env });
      return JSON.parse(said.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
    };

    // The names alone: what they stand for is made with the world.
    test.each(askersOf({ environment: {} }).map(({ name }) => name))('%s', async (name) => {
      const asker = askersOf(world).find((one) => one.name === name);
      if (asker === undefined) throw new Error(`nobody asks by ${name}`);
      const places = { user: 'svc', baseDir: '/home/svc/.cloudflared/supervisor', stateDir };
      expect(await ask(asker, ['status'])).toMatchObject({ daemon: { ...places, pid: site.daemon().innerPid } });
      expect(await ask(asker, ['up', '--restart'])).toMatchObject({ started: true });
      const { daemon } = await ask(asker, ['status']);
      expect(daemon).toMatchObject({ ...places, pid: site.daemon().innerPid });
      expect((await site.machine.sh(`stat -c %u:%g /proc/${site.daemon().innerPid}`)).trim()).toBe('1500:1500');
      expect(foreignFiles(site.machine, '/home/svc', 1500)).toEqual([]);
      expect(await site.machine.sh('ls -A /root')).toBe('');
    });
  });

  describe('started first by whoever it is', () => {
    let world: World;
    let site: Site;
    beforeAll(async () => {
      world = await createWorld();
      site = await world.start({ kind: 'host', users: { svc: 1500 } });
      await site.machine.sh('echo "svc ALL=(ALL) NOPASSWD:SETENV: ALL" > /etc/sudoers.d/svc && chmod 0440 /etc/sudoers.d/svc');
    });
    afterAll(() => world.close());

    /** XDG_CONFIG_HOME counts for whoever is the user by themselves, and is theirs. */
    test.each(askersOf({ environment: {} }).map(({ name, env }) => [name, name === 'XDG_CONFIG_HOME elsewhere' ? `${env['XDG_CONFIG_HOME']}/portacode` : '/home/svc/.config/portacode']))('%s', async (name, stateDir) => {
      const asker = askersOf(world).find((one) => one.name === name);
      if (asker === undefined) throw new Error(`nobody asks by ${name}`);
      await site.machine.must(asker.command(['up', '--json']), { ...(asker.user === undefined ? {} : { user: asker.user }), env: asker.env });
      expect((await site.client().status()).daemon).toMatchObject({ user: 'svc', baseDir: '/home/svc/.cloudflared/supervisor', stateDir });
      expect(foreignFiles(site.machine, '/home/svc', 1500)).toEqual([]);
      expect(await site.machine.sh('ls -A /root')).toBe('');
      await site.json('svc', ['down']);
      await site.machine.sh('rm -r /home/svc/.cloudflared');
    });
  });
});
