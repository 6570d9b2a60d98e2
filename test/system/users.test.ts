import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLI, NODE } from './machine/machine.js';
import { lacksForBooted, lacksForSudo } from './machine/requirements.js';
import { createWorld, isServed, type Site, type World } from './machine/world.js';

/** Real users, by what sudo lets them do. The rules of the restricted one are those that the README recommends. */
const USERS = { free: 1501, passworded: 1502, restricted: 1503, powerless: 1504 } as const;
type User = keyof typeof USERS;

const UNIT = 'cloudflared-supervisor.service';
const SUDOERS = [
  'free ALL=(ALL) NOPASSWD: ALL',
  'passworded ALL=(ALL) ALL',
  ...['start', 'stop'].map((action) => `restricted ALL=(root) NOPASSWD: /usr/bin/systemctl ${action} ${UNIT}`),
];
const writeSudoers = async (site: Site): Promise<void> =>
  void (await site.machine.sh(`printf '%s\\n' ${SUDOERS.map((line) => `'${line}'`).join(' ')} > /etc/sudoers.d/test && chmod 0440 /etc/sudoers.d/test`));

const users = Object.keys(USERS) as User[];
const sudoLack = lacksForSudo();
const bootLack = lacksForBooted();

describe.skipIf(sudoLack !== undefined)(`running and publishing${sudoLack === undefined ? '' : ` (${sudoLack})`}`, () => {
  let world: World;
  let site: Site;
  beforeAll(async () => {
    world = await createWorld();
    site = await world.start({ kind: 'host', users: USERS });
    await writeSudoers(site);
    // Whoever calls it, for whatever reason, is caught.
    await site.machine.sh('printf "#!/bin/sh\\necho \\"\\$@\\" >> /tmp/sudo-calls\\n" > /opt/sudo && chmod 755 /opt/sudo && mount --bind /opt/sudo "$(command -v sudo)" && touch /tmp/sudo-calls && chmod 666 /tmp/sudo-calls');
  });
  afterAll(() => world.close());

  test('a cloudflared that is hidden from the user is said to be hidden, not missing', async () => {
    await site.machine.sh('mkdir -m 0700 /root/private && touch /root/private/cloudflared');
    const { code, stdout } = await site.cli('powerless', ['install', '--cloudflared', '/root/private/cloudflared', '--json']);
    expect(code).toBe(4);
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ code: 'STORAGE_FORBIDDEN', message: expect.stringContaining('/root/private/cloudflared cannot be seen by this user') as string });
  });

  test.each(users)('as the user %s needs no rights, and asks for none', async (user) => {
    const hostname = `${user}.example.com`;
    expect(await site.json(user, ['up'])).toMatchObject({ started: true });
    await site.publish(user, { hostname, name: user });
    expect(await world.visitors.get(hostname)).toSatisfy(isServed);
    await site.json(user, ['up', '--restart']);
    await site.json(user, ['down']);
    expect(site.machine.read('/tmp/sudo-calls')).toBe('');
  });
});

describe.skipIf(bootLack !== undefined)(`our own unit${bootLack === undefined ? '' : ` (${bootLack})`}`, () => {
  let world: World;
  let site: Site;
  beforeAll(async () => {
    world = await createWorld();
    site = await world.start({ kind: 'booted', users: USERS });
    await writeSudoers(site);
  });
  afterAll(() => world.close());

  test.each(['passworded', 'restricted', 'powerless'] as const)('is not installed by the user %s: it is said why, and nothing is left', async (user) => {
    const { code, stdout } = await site.cli(user, ['service', 'install', '--json']);
    expect(code).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({ code: 'PRIVILEGE_PASSWORD_REQUIRED', hint: expect.stringMatching(/NOPASSWD.*--scope user/) as string });
    expect(await site.machine.sh('find /etc -name "cloudflared-supervisor*"')).toBe('');
    // Nor is it needed: the daemon serves without it.
    expect(await site.json(user, ['up'])).toMatchObject({ started: true });
    await site.json(user, ['down']);
  });

  test('is not installed with a Node that the user cannot run', async () => {
    await site.machine.sh(`mkdir -m 0700 /root/private && touch /root/private/node && mount --bind ${NODE} /root/private/node`);
    const { code, stdout } = await site.machine.run(['/root/private/node', CLI, 'service', 'install', '--user', 'powerless', '--json']);
    expect(code).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({ code: 'STORAGE_FORBIDDEN', message: expect.stringMatching(/powerless cannot run.*EACCES/) as string });
    expect(await site.machine.sh('find /etc -name "cloudflared-supervisor*"')).toBe('');
  });

  test('installed by root for a user with restricted sudo: they start and stop it, and cannot remove it', async () => {
    expect(await site.json('root', ['service', 'install', '--user', 'restricted'])).toMatchObject({ installed: true, user: 'restricted' });
    await site.publish('restricted');
    await site.json('restricted', ['service', 'stop']);
    expect(site.connectors()).toEqual([]);
    expect(await site.json('restricted', ['up'])).toMatchObject({ started: true, unit: `/etc/systemd/system/${UNIT}` });
    const { code, stdout } = await site.cli('restricted', ['service', 'remove', '--json']);
    expect(code).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({ code: 'PRIVILEGE_PASSWORD_REQUIRED' });
    await site.json('root', ['service', 'remove', '--user', 'restricted']);
  });

  test('installed by root for a user without rights: it stops by itself, and `up` serves without it', async () => {
    await site.json('root', ['service', 'install', '--user', 'powerless']);
    await site.json('powerless', ['down']);
    const started = await site.json('powerless', ['up']);
    expect(started).toMatchObject({ started: true });
    expect(started).not.toHaveProperty('unit');
    // The unit takes over where root starts it.
    expect(await site.json('root', ['service', 'start', '--user', 'powerless'])).toMatchObject({ serving: { pid: site.daemon().innerPid } });
    expect(site.daemon().innerPid).not.toBe(started['pid']);
  });

  test('installed by a user with passwordless sudo, but not over another user’s', async () => {
    expect((await site.cli('free', ['service', 'install'])).code).toBe(5);
    await site.json('root', ['service', 'remove', '--user', 'powerless']);
    expect(await site.json('free', ['service', 'install'])).toMatchObject({ installed: true, user: 'free', hardening: 'full' });
  });
});
