import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ImportReport } from '../../src/import/report.js';
import type { LoadReport } from '../../src/measure/load.js';
import type { Tunnel } from '../../src/sandbox/world/tunnels.js';
import { toOriginCert } from '../../src/sandbox/world/api-tokens.js';
import { foreignFiles } from './machine/home.js';
import { SHARED } from './machine/machine.js';
import { bootOpenrc } from './machine/openrc.js';
import { lacksForBooted, lacksForImage, lacksForSudo } from './machine/requirements.js';
import { until } from './machine/until.js';
import { createWorld, HOSTNAME, isServed, startLoad, type Site, type World } from './machine/world.js';

/** A cloudflared that root installed and runs is taken over by an ordinary user, while visitors come and go. */

const USERS = { svc: 1500, powerless: 1501 };
const CONFIG = '/etc/cloudflared/config.yml';

interface Old {
  readonly tunnel: Tunnel;
  readonly credentials: string;
  /** Of its variables, for a shell or a unit. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Configuration, credentials and certificate as root has them: nobody else can read any of them. */
async function installOld({ sandbox, origin }: World, { machine }: Site): Promise<Old> {
  const zone = sandbox.world.zones.find('example.com');
  if (zone === undefined) throw new Error('the sandbox has no zone');
  const tunnel = sandbox.world.tunnels.create(zone.account.id, 'homelab');
  sandbox.world.records.create(zone, { type: 'CNAME', name: HOSTNAME, content: `${tunnel.id}.cfargotunnel.com`, proxied: true });
  const credentials = `/root/.cloudflared/${tunnel.id}.json`;
  const put = async (path: string, content: string): Promise<void> => void (await machine.sh(`umask 077; mkdir -p "$(dirname '${path}')"; cat > '${path}'`, { input: content }));
  await put(CONFIG, JSON.stringify({ tunnel: tunnel.id, 'credentials-file': credentials, ingress: [{ hostname: HOSTNAME, service: origin.url }, { service: 'http_status:404' }] }));
  await put(credentials, JSON.stringify({ AccountTag: tunnel.accountId, TunnelSecret: tunnel.secret.toString('base64'), TunnelID: tunnel.id }));
  await put('/root/.cloudflared/cert.pem', toOriginCert(sandbox.world.tokens.issue(zone)));
  // cloudflared listens on `localhost` when it is told nothing, and Debian's smallest image does not know the name.
  await machine.sh('grep -q localhost /etc/hosts || echo 127.0.0.1 localhost >> /etc/hosts');
  await machine.sh('echo "svc ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/svc && chmod 0440 /etc/sudoers.d/svc');
  return { tunnel, credentials, variables: { ...sandbox.cloudflaredEnvironment(), TUNNEL_CACERT: `${SHARED}/ca.pem`, HOME: '/root' } };
}

const WORDS = `${SHARED}/cloudflared --no-autoupdate --config ${CONFIG} tunnel run`;
/** Not who keeps it, whose words are the same. */
const oldConnectors = (site: Site) => site.connectors().filter(({ argv }) => argv.includes(CONFIG) && argv[0]?.endsWith('supervise-daemon') !== true);

interface Said {
  readonly code: number | undefined;
  readonly report: ImportReport;
  readonly imported?: { readonly outcome: string; readonly dns: string };
  readonly retired?: { readonly ended: readonly number[]; readonly undo: readonly string[]; readonly warnings: readonly unknown[] };
  readonly error?: { readonly code: string };
}

async function runImport(site: Site, user: string, words: readonly string[]): Promise<Said> {
  const { code, stdout } = await site.cli(user, ['import', '--json', ...words], { timeoutMs: 120_000 });
  const lines = stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  const error = lines.find((line) => 'code' in line);
  return { code, ...(Object.assign({}, ...lines.filter((line) => line !== error)) as Pick<Said, 'report'>), ...(error === undefined ? {} : { error: error as unknown as { code: string } }) };
}

const tunnelOf = ({ report }: Said, { tunnel }: Old) => report.tunnels.find(({ id }) => id === tunnel.id);

/** Taken over and retired, step by step, under one load: what became of its requests. */
async function takeOver(world: World, site: Site): Promise<{ readonly applied: Said; readonly retired: Said; readonly load: LoadReport; readonly oldPids: readonly number[] }> {
  await site.json('svc', ['up']);
  await world.visitors.until(HOSTNAME, isServed, 20_000);
  const load = startLoad(world);
  const oldPids = oldConnectors(site).map(({ innerPid }) => innerPid);
  const applied = await runImport(site, 'svc', ['--apply']);
  const sent = load.sent;
  await until(() => load.sent, (count) => count > sent + 100);
  const retired = await runImport(site, 'svc', ['--retire-old']);
  const sentAfter = load.sent;
  await until(() => load.sent, (count) => count > sentAfter + 100);
  return { applied, retired, load: await load.stop(), oldPids };
}

function expectTakenOver({ applied, retired, load, oldPids }: Awaited<ReturnType<typeof takeOver>>): void {
  expect(applied).toMatchObject({ code: 0, imported: { outcome: 'imported', dns: 'managed' } });
  expect(retired).toMatchObject({ code: 0, retired: { ended: oldPids, warnings: [] } });
  expect([...load.reasons]).toEqual([]);
  expect(load.lost).toBe(0);
}

const bootLack = lacksForBooted();
describe.skipIf(bootLack !== undefined)(`a service of systemd${bootLack === undefined ? '' : ` (${bootLack})`}`, () => {
  let world: World;
  let site: Site;
  let old: Old;
  const show = async (property: string): Promise<string> => (await site.machine.sh(`systemctl show --value -p ${property} cloudflared.service`)).trim();

  beforeAll(async () => {
    world = await createWorld();
    site = await world.start({ kind: 'booted', users: USERS });
    old = await installOld(world, site);
    const environment = Object.entries(old.variables).map(([name, value]) => `Environment=${name}=${value}\n`).join('');
    await site.machine.sh('mkdir -p /etc/systemd/system/cloudflared.service.d && cat > /etc/systemd/system/cloudflared.service', { input: `[Service]\nExecStart=${WORDS}\nRestart=on-failure\n[Install]\nWantedBy=multi-user.target\n` });
    await site.machine.sh('cat > /etc/systemd/system/cloudflared.service.d/sandbox.conf', { input: `[Service]\n${environment}` });
    await site.machine.sh('systemctl daemon-reload && systemctl enable --now cloudflared.service');
    await world.visitors.until(HOSTNAME, isServed, 20_000);
  });
  afterAll(() => world.close());

  test('is reported with what only root can read, by sudo', async () => {
    const said = await runImport(site, 'svc', []);
    expect(said.code).toBe(0);
    expect(tunnelOf(said, old)).toMatchObject({
      verdict: 'ready', config: CONFIG, credentials: old.credentials, certificate: { from: '/root/.cloudflared/cert.pem' }, names: [HOSTNAME], unreadable: [],
      services: [{ init: 'systemd', name: 'cloudflared.service', running: true, enabledBy: ['/etc/systemd/system/multi-user.target.wants/cloudflared.service'] }],
      processes: [{ user: 'root', service: 'cloudflared.service', inContainer: false }],
    });
    expect(JSON.stringify(said)).not.toContain(old.tunnel.secret.toString('base64'));
  });

  test('is not taken over by whoever may not read it: it is said what is missing', async () => {
    const said = await runImport(site, 'powerless', []);
    expect(said.code).toBe(0);
    expect(JSON.stringify(said.report)).toMatch(/PRIVILEGE_PASSWORD_REQUIRED/);
    expect(await runImport(site, 'powerless', ['--apply'])).toMatchObject({ code: 4, error: { code: 'PRIVILEGE_PASSWORD_REQUIRED' } });
  });

  test('is not read by root for somebody who only names it', async () => {
    await site.machine.sh(`mkdir -p ~/.cloudflared && printf 'tunnel: ${old.tunnel.id}\\ncredentials-file: ${old.credentials}\\ningress: [{service: "http_status:404"}]\\n' > ~/.cloudflared/config.yml`, { user: 'powerless', env: { HOME: '/home/powerless' } });
    const { stdout } = await site.cli('root', ['import', '--json', '--user', 'powerless']);
    expect(stdout).toContain(`${old.credentials} cannot be read by powerless`);
    await site.machine.sh('rm -r ~/.cloudflared', { user: 'powerless', env: { HOME: '/home/powerless' } });
  });

  test('is taken over and retired, and no request is lost', async () => {
    expectTakenOver(await takeOver(world, site));
    expect(await show('ActiveState')).toBe('inactive');
    expect(await show('UnitFileState')).toBe('disabled');
    expect(site.machine.read('/etc/systemd/system/cloudflared.service')).toContain(CONFIG);
    expect(oldConnectors(site)).toEqual([]);
    expect(foreignFiles(site.machine, '/home/svc', USERS.svc)).toEqual([]);
    expect((await site.client().status()).rules).toMatchObject([{ hostname: HOSTNAME, dns: 'adopted' }]);
  });

  test('is back with the command that was printed, beside ours, and is retired by root for the user', async () => {
    const { retired } = await runImport(site, 'svc', ['--retire-old']);
    expect(retired).toMatchObject({ ended: [], undo: [] });
    await site.machine.sh('systemctl enable --now cloudflared.service');
    await until(() => oldConnectors(site).length, (count) => count === 1);
    const load = startLoad(world);
    expect(await runImport(site, 'root', ['--apply', '--retire-old', '--user', 'svc'])).toMatchObject({ code: 0, imported: { outcome: 'unchanged' }, retired: { undo: ['systemctl enable --now cloudflared.service'] } });
    expect([...(await load.stop()).reasons]).toEqual([]);
    expect(foreignFiles(site.machine, '/home/svc', USERS.svc)).toEqual([]);
  });
});

const imageLack = lacksForImage();
describe.skipIf(imageLack !== undefined)(`a service of OpenRC${imageLack === undefined ? '' : ` (${imageLack})`}`, () => {
  let world: World;
  let site: Site;

  beforeAll(async () => {
    world = await createWorld();
    site = await world.start({ kind: 'image', users: USERS });
    await bootOpenrc(site.machine);
    const { variables } = await installOld(world, site);
    const exports = Object.entries(variables).map(([name, value]) => `export ${name}="${value}"\n`).join('');
    const [command, ...words] = WORDS.split(' ');
    await site.machine.sh('mkdir -p /etc/conf.d && cat > /etc/conf.d/cloudflared', { input: exports });
    await site.machine.sh('cat > /etc/init.d/cloudflared && chmod 755 /etc/init.d/cloudflared', { input: `#!/sbin/openrc-run\ncommand="${command ?? ''}"\ncommand_args="${words.join(' ')}"\npidfile="/run/\${RC_SVCNAME}.pid"\nsupervisor="supervise-daemon"\nrespawn_delay=5\n` });
    await site.machine.sh('/sbin/rc-update add cloudflared default && /sbin/rc-service cloudflared start');
  });
  afterAll(() => world.close());

  test('is taken over and retired, and no request is lost', async () => {
    const taken = await takeOver(world, site);
    expectTakenOver(taken);
    expect(taken.retired.retired?.undo).toEqual(['sudo rc-update add cloudflared default', 'sudo rc-service cloudflared start']);
    expect((await site.machine.run(['/sbin/rc-service', 'cloudflared', 'status'])).code).toBe(3);
    expect(await site.machine.sh('/sbin/rc-update show default')).not.toContain('cloudflared ');
    expect(site.machine.read('/etc/init.d/cloudflared')).toContain(CONFIG);
  });
});

const sudoLack = lacksForSudo();
describe.skipIf(sudoLack !== undefined)(`a script of SysV${sudoLack === undefined ? '' : ` (${sudoLack})`}`, () => {
  let world: World;
  let site: Site;
  let old: Old;

  /** Does what such scripts do, and no more. */
  const script = (exports: string, ps: string): string => `#!/bin/sh
${exports}
cmd="${WORDS}"
pid_file=/run/cloudflared.pid
running() { [ -f "$pid_file" ] && ${ps} "$(cat "$pid_file")" >/dev/null 2>&1; }
case "$1" in
start) $cmd >/dev/null 2>&1 & echo $! >"$pid_file" ;;
stop) if running; then kill "$(cat "$pid_file")"; else echo "Not running"; fi ;;
esac
`;
  const start = async (ps: string): Promise<void> => {
    const exports = Object.entries(old.variables).map(([name, value]) => `export ${name}='${value}'`).join('\n');
    await site.machine.sh('mkdir -p /etc/rc2.d && cat > /etc/init.d/cloudflared && chmod 755 /etc/init.d/cloudflared', { input: script(exports, ps) });
    await site.machine.sh('ln -sf /etc/init.d/cloudflared /etc/rc2.d/S50et && setsid /etc/init.d/cloudflared start');
    await until(() => oldConnectors(site).length, (count) => count === 1);
  };
  const expectRetired = async (): Promise<void> => {
    expect(oldConnectors(site)).toEqual([]);
    expect(await site.machine.sh('ls /etc/rc2.d')).not.toContain('S50et');
    expect(site.machine.read('/etc/init.d/cloudflared')).toContain(CONFIG);
  };

  beforeAll(async () => {
    world = await createWorld();
    site = await world.start({ kind: 'host', users: USERS });
    old = await installOld(world, site);
  });
  afterAll(() => world.close());

  test('is taken over and retired, and no request is lost', async () => {
    await start('ps');
    const taken = await takeOver(world, site);
    expectTakenOver(taken);
    expect(taken.retired.retired?.undo).toEqual(['sudo ln -s /etc/init.d/cloudflared /etc/rc2.d/S50et', 'sudo /etc/init.d/cloudflared start']);
    await expectRetired();
  });

  test('that cannot tell that it runs, for want of `ps`, is retired all the same', async () => {
    await start('a-program-that-is-not-there');
    expect((await runImport(site, 'svc', ['--retire-old'])).retired).toMatchObject({ ended: [expect.any(Number)], warnings: [] });
    await expectRetired();
  });
});
