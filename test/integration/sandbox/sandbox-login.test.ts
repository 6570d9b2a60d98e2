import { readFile } from 'node:fs/promises';

import { ProxyAgent, request, type Dispatcher } from 'undici';
import { describe, expect, onTestFinished, test } from 'vitest';

import { toLoginUrl } from '../../../src/sandbox/login/login-url.js';
import type { Sandbox, SandboxOptions } from '../../../src/sandbox/sandbox.js';
import { sandboxForTest } from './sandbox-fixture.js';

const KEY = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG=';
const STORE = `https://login.cloudflareaccess.org/${KEY}`;
const ZONES = { accounts: [{ name: 'One', zones: ['example.com', 'example.org'] }] };

type ProxiedInit = Omit<NonNullable<Parameters<typeof request>[1]>, 'dispatcher'>;

/** A sandbox, and a client that goes through its proxy and trusts its authority, as cloudflared does. */
async function proxied(options: SandboxOptions = {}): Promise<{ readonly sandbox: Sandbox; readonly ask: (url: string, init?: ProxiedInit) => Promise<Dispatcher.ResponseData<unknown>> }> {
  const sandbox = await sandboxForTest({ cloudflared: null, ...ZONES, ...options });
  const dispatcher = new ProxyAgent({ uri: sandbox.proxyUrl, requestTls: { ca: await readFile(sandbox.caFile, 'utf8') } });
  onTestFinished(() => dispatcher.destroy());
  return { sandbox, ask: (url, init = {}) => request(url, { ...init, dispatcher }) };
}

const zoneOf = (certificate: string): string => {
  const [, base64 = ''] = /TOKEN-----\n([^-]+)/u.exec(certificate) ?? [];
  return (JSON.parse(Buffer.from(base64, 'base64').toString()) as { zoneID: string }).zoneID;
};

describe('certificate store', () => {
  test('holds the poll until somebody authorises, then gives the certificate of the chosen zone', async () => {
    const { sandbox, ask } = await proxied();
    const poll = ask(STORE);
    await sandbox.world.changes.wait(() => sandbox.logins.list()[0], 5_000);
    expect(sandbox.logins.list()).toMatchObject([{ key: KEY, url: toLoginUrl(KEY), state: 'waiting' }]);
    expect(sandbox.logins.authorise(undefined, 'example.org')).toMatchObject({ state: 'authorised', zone: 'example.org' });
    const answer = await poll;
    expect(answer.statusCode).toBe(200);
    expect(zoneOf(await answer.body.text())).toBe(sandbox.world.zones.find('example.org')?.id);
    expect(sandbox.logins.list()).toMatchObject([{ state: 'delivered' }]);
  });

  test('answers "not yet" ten times; a login that was authorised before the first poll is served at once', async () => {
    const { sandbox, ask } = await proxied({ pollHoldMs: 1 });
    for (let poll = 0; poll < 10; poll += 1) {
      expect(sandbox.logins.list()[0]?.state ?? 'waiting').toBe('waiting');
      const { statusCode, body } = await ask(STORE);
      await body.dump();
      expect(statusCode).toBe(404);
    }
    expect(sandbox.logins.list()).toMatchObject([{ state: 'abandoned', polls: 10 }]);
    sandbox.logins.authorise('other');
    expect((await ask('https://login.cloudflareaccess.org/other')).statusCode).toBe(200);
  });

  test('a client that hangs up has abandoned the login', async () => {
    const { sandbox, ask } = await proxied();
    const leaving = new AbortController();
    const poll = ask(STORE, { signal: leaving.signal });
    await sandbox.world.changes.wait(() => sandbox.logins.list()[0], 5_000);
    leaving.abort();
    await expect(poll).rejects.toThrow();
    expect(await sandbox.world.changes.wait(() => sandbox.logins.list().find(({ state }) => state === 'abandoned'), 5_000)).toMatchObject({ key: KEY });
  });

  test.each<['give-up' | 'server-error', number]>([['give-up', 404], ['server-error', 503]])('fault %s is answered %i at once, for one login', async (kind, status) => {
    const { sandbox, ask } = await proxied();
    sandbox.faults.login.add({ fault: { kind }, times: 1 });
    const { statusCode, body } = await ask(STORE);
    await body.dump();
    expect(statusCode).toBe(status);
    sandbox.logins.authorise('other');
    expect((await ask('https://login.cloudflareaccess.org/other')).statusCode).toBe(200);
  });

  test('fault reset breaks the connection', async () => {
    const { sandbox, ask } = await proxied();
    sandbox.faults.login.add({ fault: { kind: 'reset' } });
    await expect(ask(STORE)).rejects.toThrow(/other side closed|ECONNRESET/u);
  });

  test('fault never stays silent though somebody authorises', async () => {
    const { sandbox, ask } = await proxied({ pollHoldMs: 1 });
    sandbox.faults.login.add({ fault: { kind: 'never' } });
    sandbox.logins.authorise(KEY);
    await expect(ask(STORE, { signal: AbortSignal.timeout(100) })).rejects.toThrow(/timeout|aborted/u);
  });

  test('faults of the certificate: of another zone, revoked, none', async () => {
    const { sandbox, ask } = await proxied();
    sandbox.faults.login.add({ fault: { kind: 'other-zone', zone: 'example.org' }, times: 1 });
    sandbox.faults.login.add({ fault: { kind: 'revoked-token' }, times: 1 });
    sandbox.faults.login.add({ fault: { kind: 'bad-certificate' }, times: 1 });
    const bodies: string[] = [];
    for (const key of ['one', 'two', 'three']) {
      sandbox.logins.authorise(key, 'example.com');
      bodies.push(await (await ask(`https://login.cloudflareaccess.org/${key}`)).body.text());
    }
    expect(zoneOf(bodies[0] ?? '')).toBe(sandbox.world.zones.find('example.org')?.id);
    expect(zoneOf(bodies[1] ?? '')).toBe(sandbox.world.zones.find('example.com')?.id);
    expect(bodies[1]).not.toBe(bodies[0]);
    expect(bodies[2]).not.toContain('ARGO TUNNEL TOKEN');
  });
});

describe('pages', () => {
  test('the URL that cloudflared prints shows the zones, and authorises the one that is chosen', async () => {
    const { sandbox, ask } = await proxied();
    const page = await ask(toLoginUrl(KEY));
    const html = await page.body.text();
    expect(html).toContain('<option>example.org</option>');
    expect(html).toContain(`value="${KEY}"`);
    const done = await ask('https://dash.cloudflare.com/argotunnel', {
      method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams({ login: KEY, zone: 'example.org' }).toString(),
    });
    expect(await done.body.text()).toContain('Success');
    expect(sandbox.logins.list()).toMatchObject([{ key: KEY, state: 'authorised', zone: 'example.org' }]);
  });

  test('the start page lists what waits; the same page takes the URL on loopback', async () => {
    const { sandbox } = await proxied();
    expect(await (await fetch(sandbox.loginPageUrl)).text()).toContain('No login waits');
    const url = new URL(toLoginUrl(KEY));
    const page = await fetch(new URL(`argotunnel${url.search}`, sandbox.loginPageUrl));
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await (await fetch(sandbox.loginPageUrl)).text()).toContain(url.href.replaceAll('&', '&amp;'));
    const unknown = await fetch(`${sandbox.loginPageUrl}argotunnel`, { method: 'POST', body: new URLSearchParams({ login: '<script>', zone: 'example.com' }) });
    expect(unknown.status).toBe(404);
  });

  test('a web page of somebody else cannot authorise', async () => {
    const { sandbox } = await proxied();
    sandbox.logins.visit(KEY);
    const answer = await fetch(`${sandbox.loginPageUrl}argotunnel`, {
      method: 'POST', headers: { origin: 'https://attacker.example' }, body: new URLSearchParams({ login: KEY, zone: 'example.com' }),
    });
    expect(answer.status).toBe(403);
    expect(sandbox.logins.list()).toMatchObject([{ state: 'waiting' }]);
  });
});

describe('proxy', () => {
  test('answers for the API and the update service as Cloudflare does', async () => {
    const { ask } = await proxied();
    expect(await (await ask('https://api.cloudflare.com/client/v4/zones')).body.json()).toMatchObject({ success: false });
    expect(await (await ask('https://update.argotunnel.com/?os=linux')).body.json()).toMatchObject({ shouldUpdate: false, error: '' });
  });

  test.each(['https://example.com/', 'https://github.com/', 'https://api.cloudflare.com:8443/', 'https://127.0.0.1/'])('leads not to %s', async (url) => {
    const { ask } = await proxied();
    await expect(ask(url)).rejects.toThrow(/403/u);
  });

  test('a plain HTTP request through it is refused', async () => {
    const { sandbox } = await proxied();
    const response = await fetch(sandbox.proxyUrl);
    expect(response.status).toBe(403);
  });
});
