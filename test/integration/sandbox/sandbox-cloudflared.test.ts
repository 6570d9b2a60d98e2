/** The sandbox judged by cloudflared: the real one where the environment names it, else the stand-in. */
import { createServer } from 'node:http';
import { readFile, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';

import { execa } from 'execa';
import { request } from 'undici';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';

import type { LoginFault } from '../../../src/sandbox/login/faults.js';
import type { Sandbox, SandboxOptions } from '../../../src/sandbox/sandbox.js';
import { toOriginCert } from '../../../src/sandbox/world/api-tokens.js';
import { cloudflaredForTest, givenCloudflared, sandboxForTest, type CloudflaredRun } from './sandbox-fixture.js';

const WAIT_MS = 20_000;

async function startWith(options: Partial<SandboxOptions> = {}): Promise<{ readonly sandbox: Sandbox; readonly home: string; readonly run: (...args: string[]) => Promise<CloudflaredRun> }> {
  const sandbox = await sandboxForTest({ ...givenCloudflared(), accounts: [{ name: 'One', zones: ['example.com', 'example.org'] }], ...options });
  return { sandbox, ...await cloudflaredForTest(sandbox) };
}

describe('login', () => {
  test('authorised by a person, it saves the certificate of the chosen zone', async () => {
    const { sandbox, home, run } = await startWith();
    const login = run('tunnel', 'login');
    const waiting = await sandbox.world.changes.wait(() => sandbox.logins.list().find(({ polls }) => polls > 0), WAIT_MS);
    sandbox.logins.authorise(waiting?.url, 'example.org');
    const { exitCode, output } = await login;
    expect(exitCode).toBe(0);
    // What it printed is the very URL that the sandbox takes it for.
    expect(output).toContain(`\n${waiting?.url ?? ''}\n`);
    const certificate = await readFile(join(home, '.cloudflared', 'cert.pem'), 'utf8');
    const [, base64 = ''] = /TOKEN-----\n([^-]+)/u.exec(certificate) ?? [];
    expect(JSON.parse(Buffer.from(base64, 'base64').toString())).toMatchObject({ zoneID: sandbox.world.zones.find('example.org')?.id });
  });

  test.each<[string, LoginFault, RegExp]>([
    ['gives up after ten polls', { kind: 'give-up' }, /Failed to fetch resource/u],
    ['ends with a server error', { kind: 'server-error' }, /error on request 503/u],
    ['ends with a reset', { kind: 'reset' }, /EOF|reset/u],
    ['ends with what is no certificate', { kind: 'bad-certificate' }, /missing token|decode/u],
  ])('%s', async (_what, fault, message) => {
    const { sandbox, run } = await startWith();
    sandbox.faults.login.add({ fault });
    const login = run('tunnel', 'login');
    if (fault.kind === 'bad-certificate') {
      await sandbox.world.changes.wait(() => sandbox.logins.list()[0], WAIT_MS);
      sandbox.logins.authorise();
    }
    const { exitCode, output } = await login;
    expect(exitCode).toBe(1);
    expect(output).toMatch(message);
  });
});

describe('with a certificate', () => {
  let sandbox: Sandbox;
  let home: string;
  let tunnel: (...args: string[]) => Promise<CloudflaredRun>;

  beforeEach(async () => {
    const started = await startWith();
    ({ sandbox, home } = started);
    const zone = sandbox.world.zones.find();
    if (zone === undefined) throw new Error('no zone');
    const certificate = join(home, 'cert.pem');
    await writeFile(certificate, toOriginCert(sandbox.world.tokens.issue(zone)));
    tunnel = (...args) => started.run('tunnel', '--origincert', certificate, ...args);
  });

  /** A tunnel, its credentials and a config that leads to `origin`; cloudflared running it. */
  async function runTunnel(origin: string): Promise<{ readonly id: string; readonly ended: Promise<number | undefined>; readonly stop: () => void }> {
    const zone = sandbox.world.zones.find();
    if (zone === undefined || sandbox.cloudflared === undefined) throw new Error('no zone or cloudflared');
    const made = sandbox.world.tunnels.create(zone.account.id, 'home');
    await writeFile(join(home, 'credentials.json'), JSON.stringify({ AccountTag: made.accountId, TunnelID: made.id, TunnelSecret: made.secret.toString('base64'), Endpoint: '' }));
    await writeFile(join(home, 'config.yml'), `ingress:\n  - service: ${origin}\n`);
    const child = execa(sandbox.cloudflared, ['tunnel', '--config', join(home, 'config.yml'), '--metrics', '127.0.0.1:0', 'run', '--credentials-file', join(home, 'credentials.json'), made.id], {
      env: { PATH: process.env['PATH'] ?? '', HOME: home, ...sandbox.environment(), ...sandbox.cloudflaredEnvironment() },
      extendEnv: false, reject: false, buffer: false, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore',
    });
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await child;
    });
    return { id: made.id, ended: child.then(({ exitCode }) => exitCode), stop: () => child.kill('SIGTERM') };
  }

  // The stand-in has only the commands that our code runs.
  test.runIf(typeof givenCloudflared().cloudflared === 'string')('create, list and delete are answered as by Cloudflare', async () => {
    expect((await tunnel('create', 'home')).exitCode).toBe(0);
    expect((await tunnel('create', 'home')).output).toContain('tunnel with name already exists');
    const [made] = sandbox.world.tunnels.list();
    expect(JSON.parse(await readFile(join(home, `${made?.id ?? ''}.json`), 'utf8'))).toMatchObject({ TunnelSecret: made?.secret.toString('base64') });
    expect(JSON.parse((await tunnel('list', '-o', 'json')).output)).toMatchObject([{ id: made?.id, name: 'home', connections: [] }]);
    expect((await tunnel('delete', 'home')).exitCode).toBe(0);
    expect((await tunnel('delete', made?.id ?? '')).output).toContain('has already been deleted');
    // Longer than one page of the list.
    for (let number = 0; number < 25; number += 1) sandbox.world.tunnels.create(made?.accountId ?? '', `t-${number}`);
    expect(JSON.parse((await tunnel('list', '-o', 'json')).output)).toHaveLength(25);

    const { id } = await runTunnel('http_status:200');
    await sandbox.world.changes.wait(() => (sandbox.connections.of(id).length > 0 ? true : undefined), WAIT_MS);
    const refused = await tunnel('delete', id);
    expect(refused.exitCode).toBe(1);
    expect(refused.output).toContain('code: 1022');
    expect((await tunnel('delete', '-f', id)).exitCode).toBe(0);
    expect(sandbox.world.tunnels.get(id)?.deletedAt).toBeDefined();
  });

  test.runIf(typeof givenCloudflared().cloudflared === 'string')('the token of a tunnel is its credentials', async () => {
    const zone = sandbox.world.zones.find();
    const { id, secret } = sandbox.world.tunnels.create(zone?.account.id ?? '', 'home');
    const { exitCode, output } = await tunnel('token', id);
    expect(exitCode, output).toBe(0);
    expect(JSON.parse(Buffer.from(output.trim().split('\n').at(-1) ?? '', 'base64').toString())).toEqual({ a: zone?.account.id, t: id, s: secret.toString('base64') });
  });

  test('route dns makes the record, appends a foreign zone, and says a conflict as Cloudflare does', async () => {
    const zone = sandbox.world.zones.find();
    if (zone === undefined) throw new Error('no zone');
    const { id } = sandbox.world.tunnels.create(zone.account.id, 'home');
    expect((await tunnel('route', 'dns', id, 'app.example.com')).output).toContain('Added CNAME app.example.com');
    expect((await tunnel('route', 'dns', id, 'app.example.com')).output).toContain('app.example.com is already configured');
    expect((await tunnel('route', 'dns', id, 'app.other.test')).output).toContain('Added CNAME app.other.test.example.com');
    sandbox.world.records.create(zone, { type: 'A', name: 'www', content: '192.0.2.1' });
    const conflict = await tunnel('route', 'dns', id, 'www.example.com');
    expect(conflict.exitCode).toBe(1);
    expect(conflict.output).toContain('code: 1003, reason: An A, AAAA, or CNAME record with that host already exists.');
    expect(sandbox.world.records.named('app.example.com')).toMatchObject([{ type: 'CNAME', proxied: true, content: `${id}.cfargotunnel.com` }]);
  });

  test('a refused token is said to be refused', async () => {
    const { id } = sandbox.world.tunnels.create(sandbox.world.zones.find()?.account.id ?? '', 'home');
    sandbox.world.tokens.setRights({ tunnels: false });
    const { exitCode, output } = await tunnel('route', 'dns', id, 'app.example.com');
    expect(exitCode).toBe(1);
    expect(output).toContain('code: 10000, reason: Authentication error');
  });

  test('it runs the tunnel: visitors reach the origin, the API shows its connections, and a deleted tunnel lets it in no more', async () => {
    const origin = createServer((asked, response) => response.end(`${asked.headers.host ?? ''}${asked.url ?? ''}`));
    origin.listen(0, '127.0.0.1');
    await once(origin, 'listening');
    onTestFinished(() => {
      origin.close();
    });
    const address = origin.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const { id, ended, stop } = await runTunnel(`http://127.0.0.1:${address.port}`);
    const zone = sandbox.world.zones.find();
    if (zone === undefined) throw new Error('no zone');
    sandbox.world.records.create(zone, { type: 'CNAME', name: '*', content: `${id}.cfargotunnel.com`, proxied: true });
    await sandbox.world.changes.wait(() => (sandbox.connections.of(id).length > 0 ? true : undefined), WAIT_MS);

    const visit = async (host: string): Promise<readonly [number, string]> => {
      const { statusCode, body } = await request(`${sandbox.visitorsUrl}/path?query`, { headers: { host } });
      return [statusCode, await body.text()];
    };
    expect(await visit('app.example.com')).toEqual([200, 'app.example.com/path?query']);
    expect((await visit('app.example.org'))[0]).toBe(530);

    const [connector] = await connectors();
    expect(connector).toMatchObject({ version: expect.any(String) as string, conns: expect.arrayContaining([expect.objectContaining({ is_pending_reconnect: false })]) as unknown });
    const authorization = `Bearer ${sandbox.world.tokens.issue(zone).value}`;
    const path = `${sandbox.apiUrl}/accounts/${zone.account.id}/cfd_tunnel/${id}`;
    expect((await fetch(path, { method: 'DELETE', headers: { authorization } })).status).toBe(400);
    expect((await fetch(`${path}?cascade=true`, { method: 'DELETE', headers: { authorization } })).status).toBe(200);
    expect((await visit('app.example.com'))[0]).toBe(530);
    const refused = await new Promise((resolve) => {
      sandbox.edge.subscribe((event) => {
        if (event.type === 'connection.rejected') resolve(event);
      });
    });
    expect(refused).toMatchObject({ tunnelId: id, cause: 'Unauthorized: Tunnel not found' });
    stop();
    expect(await ended).toBe(0);

    async function connectors(): Promise<readonly unknown[]> {
      const answer = await fetch(`${sandbox.apiUrl}/accounts/${zone?.account.id ?? ''}/cfd_tunnel/${id}/connections`, {
        headers: { authorization: `Bearer ${zone === undefined ? '' : sandbox.world.tokens.issue(zone).value}` },
      });
      return ((await answer.json()) as { result: readonly unknown[] }).result;
    }
  });

  test('a scripted rejection of the first connection ends it', async () => {
    sandbox.faults.edge.add({ fault: { kind: 'reject', cause: 'no room' } });
    const { ended } = await runTunnel('http_status:200');
    expect(await ended).toBe(1);
  });
});
