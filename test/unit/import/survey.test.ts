import { describe, expect, test } from 'vitest';
import { ACCOUNT, certificate, config, credentials, ID, importReport, process, SECRET, survey, token, tunnelReport, UNIT, UNIT_WORDS, type Tree } from './prepared-machine.js';

const INSTALLED: Tree = {
  '/etc/systemd/system/cloudflared.service': UNIT,
  '/etc/systemd/system/multi-user.target.wants/cloudflared.service': { link: '../cloudflared.service' },
  '/etc/cloudflared/config.yml': config(),
  [`/root/.cloudflared/${ID}.json`]: credentials(),
  '/root/.cloudflared/cert.pem': certificate(),
};
const IN_UNIT = { cgroup: '0::/system.slice/cloudflared.service\n' };

describe('what is found on a machine', () => {
  test('nothing, where there is nothing', async () => {
    expect(await importReport({})).toEqual({ tunnels: [], quickTunnels: [], unknown: [] });
  });

  test("cloudflared's own service of systemd, running", async () => {
    const running = process(UNIT_WORDS, IN_UNIT);
    expect(await tunnelReport({ ...INSTALLED, '/etc/systemd/system/cloudflared-update.timer': '' }, [running])).toMatchObject({
      id: ID, verdict: 'ready', obstacles: [], config: '/etc/cloudflared/config.yml', credentials: `/root/.cloudflared/${ID}.json`,
      certificate: { from: '/root/.cloudflared/cert.pem', zoneId: 'zone-1' }, domain: { name: 'example.com' },
      rules: [{ number: 1, rule: { hostname: 'app.example.com', destination: 'http://localhost:3000' } }],
      services: [{ init: 'systemd', name: 'cloudflared.service', running: true, enabledBy: ['/etc/systemd/system/multi-user.target.wants/cloudflared.service'], companions: [{ name: 'cloudflared-update.timer', enabled: false }] }],
      processes: [{ pid: running.pid, service: 'cloudflared.service', commandLine: UNIT_WORDS.join(' ') }],
    });
  });

  test('the same, stopped and not started at boot', async () => {
    const { '/etc/systemd/system/multi-user.target.wants/cloudflared.service': _boot, ...stopped } = INSTALLED;
    expect(await tunnelReport(stopped)).toMatchObject({ verdict: 'ready', services: [{ running: false, enabledBy: [] }], processes: [] });
  });

  test('a unit under another name, with a drop-in and a token in a file of variables', async () => {
    expect(await tunnelReport({
      '/etc/systemd/system/web.service': '[Service]\nExecStart=/usr/bin/cloudflared tunnel run wrong\nEnvironmentFile=/etc/default/web\n',
      '/etc/systemd/system/web.service.d/more.conf': '[Service]\nExecStart=\nExecStart=/usr/bin/cloudflared tunnel --config /etc/cloudflared/config.yml run\n',
      '/etc/default/web': `TUNNEL_TOKEN=${token()}\n`,
      '/etc/cloudflared/config.yml': config(),
    })).toMatchObject({ id: ID, verdict: 'ready', credentials: 'the token that it was started with', services: [{ name: 'web.service' }] });
  });

  test("a user's own unit, whose files are the user's", async () => {
    expect(await tunnelReport({
      '/home/svc/.config/systemd/user/tunnel.service': '[Service]\nExecStart=/usr/bin/cloudflared tunnel run\n',
      '/home/svc/.cloudflared/config.yml': `tunnel: ${ID}\ningress:\n  - hostname: a.example.com\n    service: http://localhost:1\n  - service: http_status:404\n`,
      [`/home/svc/.cloudflared/${ID}.json`]: credentials(),
    })).toMatchObject({ verdict: 'ready', config: '/home/svc/.cloudflared/config.yml', services: [{ init: 'systemd-user' }] });
  });

  test('OpenRC, with the runlevel that starts it', async () => {
    const script = '#!/sbin/openrc-run\ncommand="/usr/bin/cloudflared"\ncommand_args="--no-autoupdate --config /etc/cloudflared/config.yml tunnel run"\nsupervisor=supervise-daemon\n';
    expect(await tunnelReport({ ...INSTALLED, '/etc/systemd/system/cloudflared.service': '', '/etc/init.d/cloudflared': script, '/etc/conf.d/cloudflared': '', '/etc/runlevels/default/cloudflared': { link: '/etc/init.d/cloudflared' } }, [process(UNIT_WORDS)])).toMatchObject({
      verdict: 'ready', services: [{ init: 'openrc', name: 'cloudflared', enabledBy: ['default'], running: true }], processes: [{ service: 'cloudflared' }],
    });
  });

  test("what OpenRC's supervisor keeps is of its script, however that puts its command together", async () => {
    const script = '#!/sbin/openrc-run\ncommand="/usr/bin/env"\ncommand_args="$(options) /usr/bin/cloudflared --config /etc/cloudflared/config.yml tunnel run"\nsupervisor=supervise-daemon\n';
    const keeper = process(['supervise-daemon', 'cloudflared', '--start', '/usr/bin/env', '--', '/usr/bin/cloudflared', 'tunnel', 'run'], { pid: 4_200_000 });
    const program = process(UNIT_WORDS, { ppid: keeper.pid });
    expect(await importReport({ ...INSTALLED, '/etc/systemd/system/cloudflared.service': '', '/etc/init.d/cloudflared': script, '/etc/runlevels/default/cloudflared': { link: '/etc/init.d/cloudflared' } }, [keeper, program])).toMatchObject({
      tunnels: [{ verdict: 'ready', services: [{ init: 'openrc', name: 'cloudflared', running: true, enabledBy: ['default'] }], processes: [{ pid: program.pid, service: 'cloudflared' }] }],
      unknown: [],
    });
  });

  test('SysV, with the links that start it', async () => {
    const script = '#!/bin/sh\nname=$(basename "$0")\ncmd="/usr/bin/cloudflared --pidfile /var/run/$name.pid --config /etc/cloudflared/config.yml tunnel run"\n';
    const running = process(['/usr/bin/cloudflared', '--pidfile', '/var/run/cloudflared.pid', '--config', '/etc/cloudflared/config.yml', 'tunnel', 'run']);
    expect(await tunnelReport({ ...INSTALLED, '/etc/systemd/system/cloudflared.service': '', '/etc/init.d/cloudflared': script, '/etc/rc2.d/S50et': { link: '/etc/init.d/cloudflared' }, '/etc/rc0.d/K02et': { link: '/etc/init.d/cloudflared' } }, [running])).toMatchObject({
      verdict: 'ready', services: [{ init: 'sysv', enabledBy: ['/etc/rc2.d/S50et'], running: true }],
    });
  });

  test('a process that somebody started by hand, through a wrapper of the same words', async () => {
    const words = ['cloudflared', 'tunnel', '--config', '/etc/cloudflared/config.yml', 'run'];
    const wrapper = process(['sudo', ...words], { pid: 4_100_000 });
    const program = process(words, { ppid: wrapper.pid });
    expect(await tunnelReport({ ...INSTALLED, '/etc/systemd/system/cloudflared.service': '' }, [wrapper, program])).toMatchObject({ services: [], processes: [{ pid: program.pid, parent: 'sudo', service: null }] });
  });

  test('connectors of a supervisor are nothing to take over, ours or not', async () => {
    expect(await importReport({}, [process(['cloudflared', 'tunnel', '--config', '/home/other/.cloudflared/supervisor/revisions/3.yml', '--metrics', '127.0.0.1:1', 'run', '--credentials-file', '/x.json', ID])])).toEqual({ tunnels: [], quickTunnels: [], unknown: [] });
  });

  test('a quick tunnel is no tunnel of the account', async () => {
    expect(await importReport({}, [process(['cloudflared', 'tunnel', '--url', 'http://localhost:8080'])])).toMatchObject({ tunnels: [], quickTunnels: [{ commandLine: 'cloudflared tunnel --url http://localhost:8080' }] });
  });

  test('an old credentials file without an id is for the tunnel that is named', async () => {
    const old = JSON.stringify({ AccountTag: ACCOUNT, TunnelSecret: SECRET });
    expect(await tunnelReport({ ...INSTALLED, [`/root/.cloudflared/${ID}.json`]: old })).toMatchObject({ id: ID, verdict: 'ready' });
  });

  test('a tunnel that is named only has the id of its credentials', async () => {
    expect(await tunnelReport({ '/home/svc/.cloudflared/config.yml': 'tunnel: homelab\ncredentials-file: /home/svc/c.json\ningress:\n  - service: http_status:404\n', '/home/svc/c.json': credentials() })).toMatchObject({ id: ID, name: 'homelab', verdict: 'ready' });
  });

  test('credentials that nothing uses are found too', async () => {
    expect(await tunnelReport({ [`/home/svc/.cloudflared/${ID}.json`]: credentials(), '/home/svc/.cloudflared/notes.json': '{}' })).toMatchObject({ id: ID, credentials: `/home/svc/.cloudflared/${ID}.json`, rules: [], names: [] });
  });

  test('a configuration that nothing runs is found beside its credentials, whatever they are called', async () => {
    expect(await tunnelReport({ '/etc/cloudflared/config.yml': config().replace('/root/.cloudflared/', '/etc/cloudflared/'), [`/etc/cloudflared/${ID}.json`]: credentials() })).toMatchObject({
      verdict: 'ready', config: '/etc/cloudflared/config.yml', credentials: `/etc/cloudflared/${ID}.json`, rules: [{ rule: { hostname: 'app.example.com' } }], services: [], processes: [],
    });
  });

  test('one of a template has a name of its own', async () => {
    const running = process(['cloudflared', '--config', '/etc/cloudflared/config.yml', 'tunnel', 'run'], { cgroup: '0::/system.slice/system-cloudflared.slice/cloudflared@home.service\n' });
    expect(await tunnelReport({
      '/etc/systemd/system/cloudflared@.service': '[Service]\nExecStart=/usr/bin/cloudflared --config /etc/cloudflared/%i.yml tunnel run\n',
      '/etc/systemd/system/multi-user.target.wants/cloudflared@home.service': { link: '../cloudflared@.service' },
      '/etc/cloudflared/config.yml': config(), [`/root/.cloudflared/${ID}.json`]: credentials(),
    }, [running])).toMatchObject({ services: [{ name: 'cloudflared@home.service', running: true, enabledBy: ['/etc/systemd/system/multi-user.target.wants/cloudflared@home.service'] }] });
  });

  test("in another program's unit it is that program's, which is left alone", async () => {
    const agent = process(['cloudflared', 'tunnel', '--config', '/etc/cloudflared/config.yml', 'run'], { cgroup: '0::/system.slice/agent.service\n' });
    expect(await tunnelReport({ '/etc/cloudflared/config.yml': config(), [`/root/.cloudflared/${ID}.json`]: credentials(), '/etc/systemd/system/agent.service': '[Service]\nExecStart=/usr/bin/agent\n' }, [agent])).toMatchObject({ services: [], processes: [{ unit: 'agent.service', service: null }] });
  });

  test.each([{ cgroup: '0::/docker/0123abc\n' }, { isNested: true }])('in a container (%j), nothing that it names is looked for out here', async (more) => {
    const inside = process(['cloudflared', 'tunnel', '--config', '/etc/cloudflared/config.yml', 'run', ID], more);
    const report = await importReport(INSTALLED, [inside]);
    const found = report.tunnels.find(({ processes }) => processes.length > 0);
    expect(found).toMatchObject({ verdict: 'unknown', processes: [{ inContainer: true }], unreadable: [{ path: '/etc/cloudflared/config.yml', code: 'STORAGE_FORBIDDEN' }] });
  });

  test('what cannot be used is said, and does not hide the rest', async () => {
    expect(await importReport({
      '/etc/systemd/system/cloudflared.service': UNIT,
      '/etc/cloudflared/config.yml': 'tunnel: [\n',
      '/home/svc/.cloudflared/config.yml': `tunnel: ${ID}\n`,
      [`/home/svc/.cloudflared/${ID}.json`]: '{"TunnelSecret":"s3cr3t"',
    })).toMatchObject({
      tunnels: [{ id: ID, verdict: 'unknown', unreadable: [{ code: 'CREDENTIALS_MISSING' }] }],
      unknown: [{ what: '/etc/systemd/system/cloudflared.service', unreadable: [{ path: '/etc/cloudflared/config.yml', code: 'CONFIG_REFUSED' }] }],
    });
  });

  test('no secret of it is in what is said', async () => {
    const tree = { ...INSTALLED, '/etc/systemd/system/b.service': `[Service]\nExecStart=/usr/bin/cloudflared tunnel run --token ${token('99999999-2222-4333-8444-555555555555')}\n` };
    const { findings } = await survey(tree, [process(['cloudflared', 'tunnel', 'run', '--token', token()])]);
    const said = JSON.stringify([await importReport(tree, [process(['cloudflared', 'tunnel', 'run', '--token', token()])]), findings.map((finding) => ({ ...finding, settings: [...finding.settings], config: [...(finding.config?.value.settings ?? [])] }))]);
    expect(said).toContain(ID);
    for (const secret of [SECRET, token(), 'api-token-1', Buffer.from(SECRET).toString('base64')]) expect(said).not.toContain(secret);
  });
});
