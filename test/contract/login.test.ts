import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

import { expect, test, type TestContext } from 'vitest';

import type { LoginFault } from '../../src/sandbox/login/faults.js';
import { describeContractInOrder, type Program } from './programs.js';
import { runToEnd, whenEnded, type Ending } from './run-to-end.js';
import { Scratch } from './scratch.js';
import { useSandbox } from './use-sandbox.js';

const sandbox = useSandbox();
const LOGIN = ['tunnel', 'login'];
const URL_LINE = /^https:\/\/dash\.cloudflare\.com\/argotunnel\?aud=&callback=https%3A%2F%2Flogin\.cloudflareaccess\.org%2F[\w-]{43}%3D$/mu;

/** A login that waits for somebody to authorise it. */
interface Waiting {
  readonly child: ChildProcess;
  readonly url: string;
  readonly text: () => string;
  readonly ended: Promise<Pick<Ending, 'code' | 'signal'>>;
}

const environment = (scratch: Scratch, extra: Readonly<Record<string, string>> = {}): Record<string, string> =>
  scratch.environment({ HTTPS_PROXY: sandbox().proxyUrl, SSL_CERT_FILE: sandbox().caFile, ...extra });

async function begin(program: Program, context: TestContext, scratch: Scratch, args: readonly string[] = LOGIN, env = environment(scratch)): Promise<Waiting> {
  const child = spawn(program.path, [...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = whenEnded(child);
  context.onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let text = '';
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const found = /^https:\S+$/mu.exec(text)?.[0];
      if (found !== undefined) resolve(found);
    });
    void ended.then(() => reject(new Error(`ended without a URL:\n${text}`)));
  });
  return { child, url, text: () => text, ended };
}

const scriptLogin = (context: TestContext, fault: LoginFault): void => {
  const id = sandbox().faults.login.add({ fault, times: 1 });
  context.onTestFinished(() => void sandbox().faults.login.remove(id));
};

describeContractInOrder('tunnel login', (program) => {
  const certPath = (scratch: Scratch): string => join(scratch.home, '.cloudflared', 'cert.pem');

  test('prints a URL in one piece, waits, and writes the certificate for its user alone', async (context) => {
    const scratch = new Scratch(context);
    const login = await begin(program, context, scratch);
    expect(login.url).toMatch(URL_LINE);
    expect(login.text()).toBe(
      `Please open the following URL and log in with your Cloudflare account:\n\n${login.url}\n\nLeave cloudflared running to download the cert automatically.\n`,
    );
    expect(sandbox().logins.authorise(login.url)).toBeDefined();
    expect(await login.ended).toEqual({ code: 0, signal: null });
    expect(login.text()).toContain(`You have successfully logged in.\nIf you wish to copy your credentials to a server, they have been saved to:\n${certPath(scratch)}\n`);
    expect(statSync(certPath(scratch)).mode & 0o777).toBe(0o600);
    expect(statSync(join(scratch.home, '.cloudflared')).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(scratch.home, '.cloudflared'))).toEqual(['cert.pem']);
    const [, base64 = ''] = /^-----BEGIN ARGO TUNNEL TOKEN-----\n([^-]+)-----END ARGO TUNNEL TOKEN-----\n$/u.exec(readFileSync(certPath(scratch), 'utf8')) ?? [];
    const zone = sandbox().world.zones.find();
    expect(JSON.parse(Buffer.from(base64, 'base64').toString())).toEqual({ zoneID: zone?.id, accountID: zone?.account.id, apiToken: expect.any(String) as string });
  });

  test('each run has a URL of its own', async (context) => {
    const urls = [await begin(program, context, new Scratch(context)), await begin(program, context, new Scratch(context))].map(({ url }) => url);
    expect(urls[0]).not.toBe(urls[1]);
  });

  test('--origincert, TUNNEL_ORIGIN_CERT and the URLs of the flags change nothing of where the certificate comes from and goes to', async (context) => {
    const scratch = new Scratch(context);
    const other = join(scratch.directory, 'other.pem');
    const args = ['tunnel', '--origincert', other, 'login', '--loginURL', 'https://login.example/x?y=1', '--callbackURL', 'https://store.example/'];
    const login = await begin(program, context, scratch, args, environment(scratch, { TUNNEL_ORIGIN_CERT: other }));
    expect(login.url).toMatch(/^https:\/\/login\.example\/x\?aud=&callback=https%3A%2F%2Fstore\.example%2F[\w-]{43}%3D&y=1$/u);
    const key = new URL(login.url).searchParams.get('callback')?.replace('https://store.example/', '') ?? '';
    sandbox().logins.authorise(key);
    expect(await login.ended).toEqual({ code: 0, signal: null });
    expect(existsSync(certPath(scratch))).toBe(true);
    expect(existsSync(other)).toBe(false);
  });

  test('a certificate that is there already: an error, code 0, and nothing is done', async (context) => {
    const scratch = new Scratch(context);
    const path = scratch.write('home/.cloudflared/cert.pem', 'mine');
    const ending = await runToEnd(program, LOGIN, environment(scratch));
    expect(ending).toMatchObject({ code: 0, stdout: '' });
    expect(ending.stderr).toContain(`ERR You have an existing certificate at ${path} which login would overwrite.\nIf this is intentional, please move or delete that file then run this command again.\n`);
    expect(readFileSync(path, 'utf8')).toBe('mine');
    expect(ending.stderr).not.toContain('https://');
  });

  test('an empty certificate is overwritten in place, and keeps its mode', async (context) => {
    const scratch = new Scratch(context);
    const path = scratch.write('home/.cloudflared/cert.pem', '', 0o640);
    const before = statSync(path).ino;
    const login = await begin(program, context, scratch);
    sandbox().logins.authorise(login.url);
    expect((await login.ended).code).toBe(0);
    expect(statSync(path)).toMatchObject({ ino: before });
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(readFileSync(path, 'utf8')).toContain('ARGO TUNNEL TOKEN');
  });

  test('a home that is missing: code 1', async (context) => {
    const scratch = new Scratch(context);
    rmSync(scratch.home, { recursive: true });
    expect(await runToEnd(program, LOGIN, environment(scratch))).toMatchObject({ code: 1, stderr: `mkdir ${scratch.home}/.cloudflared: no such file or directory\n` });
  });

  test('not there after ten polls: it gives up with code 1', async (context) => {
    scriptLogin(context, { kind: 'give-up' });
    const scratch = new Scratch(context);
    const ending = await runToEnd(program, LOGIN, environment(scratch));
    expect(ending.code).toBe(1);
    expect(ending.stderr.match(/INF Waiting for login\.\.\./gu)).toHaveLength(10);
    expect(ending.stderr).toMatch(/\nFailed to fetch resource\n$/u);
    expect(sandbox().logins.list().at(-1)).toMatchObject({ polls: 10, state: 'abandoned' });
    expect(existsSync(certPath(scratch))).toBe(false);
  });

  test.for<[kind: 'server-error' | 'reset', message: RegExp]>([['server-error', /\nerror on request 503: upstream connect error\n$/u], ['reset', /\nGet "https:\/\/login\.cloudflareaccess\.org\/[^"]+": /u]])('%s: it ends with code 1 at the first poll', async ([kind, message], context) => {
    scriptLogin(context, { kind });
    const ending = await runToEnd(program, LOGIN, environment(new Scratch(context)));
    expect(ending.code).toBe(1);
    expect(ending.stderr).toContain('ERR Failed to write the certificate.');
    expect(ending.stderr).toMatch(message);
    expect(sandbox().logins.list().at(-1)?.polls).toBe(1);
  });

  test('something that is no certificate: code 1', async (context) => {
    scriptLogin(context, { kind: 'bad-certificate' });
    const scratch = new Scratch(context);
    const login = await begin(program, context, scratch);
    sandbox().logins.authorise(login.url);
    expect(await login.ended).toEqual({ code: 1, signal: null });
    expect(login.text()).toMatch(/\nmissing token in the certificate\n$/u);
    expect(existsSync(certPath(scratch))).toBe(false);
  });

  test('no proxy, or an authority that it does not know: code 1', async (context) => {
    const scratch = new Scratch(context);
    for (const env of [{ HTTPS_PROXY: 'http://127.0.0.1:1' }, { SSL_CERT_FILE: scratch.write('none.pem', '') }]) {
      const ending = await runToEnd(program, LOGIN, environment(scratch, env));
      expect(ending.code).toBe(1);
      expect(ending.stderr).toContain('Get "https://login.cloudflareaccess.org/');
    }
  });

  test('with an opener on PATH the text is another, and the opener gets the URL', async (context) => {
    const scratch = new Scratch(context);
    const seen = join(scratch.directory, 'seen');
    mkdirSync(join(scratch.directory, 'bin'));
    const opener = scratch.write('bin/xdg-open', `#!/bin/sh\necho "$1" > '${seen}'\nexit 1\n`);
    chmodSync(opener, 0o755);
    const login = await begin(program, context, scratch, LOGIN, environment(scratch, { PATH: join(scratch.directory, 'bin') }));
    expect(login.text()).toBe(`A browser window should have opened at the following URL:\n\n${login.url}\n\nIf the browser failed to open, please visit the URL above directly in your browser.\n`);
    sandbox().logins.authorise(login.url);
    expect((await login.ended).code).toBe(0);
    expect(readFileSync(seen, 'utf8')).toBe(`${login.url}\n`);
  });

  test('SIGTERM ends it at once', async (context) => {
    const login = await begin(program, context, new Scratch(context));
    login.child.kill('SIGTERM');
    expect(await login.ended).toEqual({ code: null, signal: 'SIGTERM' });
  });

});
