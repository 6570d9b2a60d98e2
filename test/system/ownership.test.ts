import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.js';
import { foreignFiles } from './machine/home.js';
import { CLI, NODE, SHARED } from './machine/machine.js';
import { lacksForSudo } from './machine/requirements.js';
import { until } from './machine/until.js';
import { createWorld, HOSTNAME, type Site, type World } from './machine/world.js';

const lack = lacksForSudo();

/** What a command is given so that it does what it is for; one that is not here goes without. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  setup: ['--cert', `${SHARED}/cert.pem`],
  'forward add': [`other.${HOSTNAME.split('.').slice(1).join('.')}`, '3000'],
  'forward remove': [`other.${HOSTNAME.split('.').slice(1).join('.')}`],
  'forward set': [`${SHARED}/rules.json`],
  expose: ['598', '3001'],
  rollback: ['--list'],
  disconnect: ['--yes'],
  install: ['--from', `${SHARED}/cloudflared`],
  sandbox: ['--', 'true'],
};

/** The daemon first; what takes things away last. */
const FIRST = ['up', 'setup', 'forward set', 'forward add'];
const LAST = ['disconnect', 'down', 'run', 'up'];
const NAMES = COMMANDS.map(({ name }) => name);
const ORDER = [...FIRST, ...NAMES.filter((name) => !FIRST.includes(name) && !LAST.includes(name)), ...LAST];

/** Some go on until they are told to stop. */
const PATIENCE_S = '3';

describe.skipIf(lack !== undefined)(`what every command leaves in the home of the user${lack === undefined ? '' : ` (${lack})`}`, () => {
  describe.each([
    ['by the user', 'svc', (words: readonly string[], env: readonly string[]) => ['env', ...env, ...words]],
    ['by sudo', 'svc', (words: readonly string[], env: readonly string[]) => ['sudo', '-n', 'env', ...env, ...words]],
    ['by root with --user', undefined, (words: readonly string[], env: readonly string[]) => ['env', ...env, ...words, '--user', 'svc']],
  ] as const)('%s', (_name, user, wrap) => {
    let world: World;
    let site: Site;
    beforeAll(async () => {
      world = await createWorld();
      site = await world.start({ kind: 'host', users: { svc: 1500 } });
      await site.machine.sh('echo "svc ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/svc && chmod 0440 /etc/sudoers.d/svc');
      await world.bringCertificate();
      await site.machine.sh(`echo '[{"hostname":"${HOSTNAME}","destination":"${world.origin.url}"}]' > ${SHARED}/rules.json`);
    });
    afterAll(() => world.close());

    test('belongs to the user', async () => {
      const left: Record<string, readonly string[]> = {};
      for (const name of ORDER) {
        const words = [NODE, CLI, ...name.split(' '), ...(ARGUMENTS[name] ?? [])];
        const env = Object.entries(world.environment).map(([variable, value]) => `${variable}=${value}`);
        // `--` is the end of our options: what comes after it is another program's.
        const command = words.includes('--') ? ['env', ...env, ...words] : wrap(words, env);
        await site.machine.run(['timeout', '-s', 'TERM', PATIENCE_S, ...command], user === undefined ? {} : { user });
        const foreign = foreignFiles(site.machine, '/home/svc', 1500);
        if (foreign.length > 0) left[name] = foreign;
      }
      expect(left).toEqual({});
      // Not because nothing was done.
      await until(async () => (await site.client().status()).daemon, ({ user: daemonUser, pid }) => daemonUser === 'svc' && pid === site.daemon().innerPid);
      // But for the copies that the bridge keeps for an agent of root's, root's home has nothing of it.
      expect(await site.machine.sh('find /root -mindepth 1 -not -path "/root/.config*"')).toBe('');
    });
  });
});
