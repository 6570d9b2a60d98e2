import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { EventLine } from '../../../src/api/client.js';
import { errorBody } from '../../../src/api/answers.js';
import { listProcesses, readEnviron } from '../../../src/host/process-table.js';
import { exchange, get } from '../control-socket.js';
import { signalPid } from '../../fixtures/signal-pid.js';
import { createVictim, type Victim } from './daemon-process.js';

/** The whole job with secrets that the test knows, and then a search for them everywhere that somebody else could look. */

const GIVEN = process.env['CLOUDFLARED_SUPERVISOR_CLOUDFLARED'];
const hasPty = await import('node-pty').then(() => true, () => false);
/** The daemon cannot be told to use pipes: it does where the pseudo terminal is not installed. */
const WITHOUT_PTY = `--import=data:text/javascript,${encodeURIComponent(`import{register}from'node:module';register('data:text/javascript,'+encodeURIComponent("export async function resolve(s,c,n){if(s==='node-pty')throw new Error('not here');return n(s,c)}"))`)}`;
const HOSTNAME = 'app.example.com';

/** Files that must hold a secret, relative to the base directory. */
const MAY_HOLD = /^(?:cert\.pem|[0-9a-f-]{36}\.json|setup\/staged\/(?:cert\.pem|(?:intent|tunnel|previous)\.json(?:\.good)?)|setup\/home\/\.cloudflared\/cert\.pem|journal\/[^/]+\.kept\.json(?:\.good)?|retired\/[^/]+\.pem)(?:\.\d+)?$/;

describe.each([['a pseudo terminal', {}], ['pipes', { NODE_OPTIONS: WITHOUT_PTY }]] as const)('after a whole life with the login through %s', (way, environment) => {
  test.skipIf(way !== 'pipes' && !hasPty)('no secret is anywhere but in its private file', { timeout: 120_000 }, async () => {
    const victim = await createVictim({ pollHoldMs: 2_000, ...(GIVEN === undefined || GIVEN === '' ? {} : { cloudflared: GIVEN }) });
    const openers = plantOpener(victim.directory);
    const daemon = await victim.start({ ...environment, PATH: `${openers.directory}:${process.env['PATH'] ?? ''}`, AGENT_SECRET: 'agents-own-secret-1234567890' });
    const secrets = new Secrets();
    secrets.add('of the agent', 'agents-own-secret-1234567890');
    const seen = new Seen(victim);
    const sampling = setInterval(() => seen.sampleProcesses(), 25);

    const events = victim.client.events();
    const until = async (accept: (line: EventLine) => boolean): Promise<EventLine> => {
      for (let next = await events.next(); next.done !== true; next = await events.next()) {
        seen.sampleProcesses();
        seen.note('event', { ...next.value, data: next.value.type === 'login.url-issued' || next.value.type === 'snapshot' ? null : next.value.data });
        if (accept(next.value)) return next.value;
      }
      throw new Error('the events ended');
    };
    const ofType = (type: string) => (line: EventLine): boolean => line.type === type;
    await until(ofType('snapshot'));

    // A login, by a person. While it waits its URL is for those who are let in: the live event, the status, the agent's file.
    await victim.client.startSetup({});
    const issued = await until(ofType('login.url-issued'));
    const url = issued.type === 'login.url-issued' ? issued.data.url : '';
    const callback = new URL(new URL(url).searchParams.get('callback') ?? '');
    const key = decodeURIComponent(callback.pathname.slice(1));
    expect(key.length).toBeGreaterThan(20);
    for (const [name, text] of [['key', key], ['key, encoded', encodeURIComponent(key)], ['key, encoded twice', encodeURIComponent(encodeURIComponent(key))]] as const) secrets.add(`login ${name}`, text);
    const { setup } = await victim.client.status();
    expect(setup.loginUrl).toBe(url);
    expect(filesWith(victim.baseDir, secrets).map(({ file }) => file)).toEqual([]);
    for (const { mode } of filesWith(victim.stateDir, secrets)) expect(mode & 0o077).toBe(0);
    victim.sandbox.logins.authorise(url);
    await until(ofType('setup.completed'));
    learnFiles(victim, secrets, 'of the login');

    // Rules, a conflict, a takeover, things that are wrong.
    const zone = victim.sandbox.world.zones.find('example.com');
    if (zone === undefined) throw new Error('the sandbox has no zone');
    victim.sandbox.world.records.create(zone, { type: 'A', name: HOSTNAME, content: '192.0.2.1' });
    const rule = { hostname: HOSTNAME, destination: 'http://127.0.0.1:1' };
    for (const attempt of [() => victim.client.addRule(rule), () => victim.client.addRule({ ...rule, hostname: 'evil.example' }), () => victim.client.rollback({ revision: 99 })])
      seen.note('error', errorOf(await attempt().catch((error: unknown) => error)));
    seen.note('answer', await victim.client.addRule({ ...rule, takeover: true }));

    // The connector dies, and comes back.
    // The one before it may be draining still.
    const running = (await victim.client.status()).connectors.find(({ state }) => state === 'ready');
    signalPid(running?.pid, 'SIGKILL');
    await until(({ type, data }) => type === 'connector.ready' && 'pid' in data && data.pid !== running?.pid);

    // Certificates by hand: broken ones around a real token, one that Cloudflare refuses, and one that is taken.
    const byHand = victim.certificate();
    secrets.addCertificate('by hand', byHand);
    for (const cert of [byHand.replace('END', 'ENDE'), byHand.replace(/\n/, '\n*'), `${byHand}${byHand}`, byHand.slice(0, -60)]) seen.note('error', errorOf(await victim.client.startSetup({ cert }).catch((error: unknown) => error)));
    victim.sandbox.world.tokens.setRights({ tunnels: false, zoneRead: false });
    await victim.client.startSetup({ cert: victim.certificate(), name: 'refused' });
    await until(ofType('setup.failed'));
    victim.sandbox.world.tokens.setRights({ tunnels: true, zoneRead: true });
    await victim.client.startSetup({ cert: byHand, name: 'another' });
    await until(ofType('setup.completed'));
    learnFiles(victim, secrets, 'by hand');

    seen.note('answer', { status: await victim.client.status(), forwarding: await victim.client.readForwarding(), revisions: await victim.client.listRevisions(), metrics: await victim.client.metrics(), dry: await victim.client.disconnect({ dryRun: true }) });
    for (const path of ['/v1/status', '/v1/logs?lines=100000', '/metrics']) seen.note('answer', await exchange(victim.socketPath, get(path, 'Connection: close\r\n')));
    // What was staged goes after the setup was said to be completed.
    await expect.poll(() => files(victim.baseDir, secrets), { timeout: 10_000 }).toEqual(['<id>.json', 'cert.pem']);
    seen.note('answer', await victim.client.disconnect());
    await until(ofType('tunnel.disconnected'));

    // Who comes late is told of the past, and not of its secrets.
    const late = victim.client.events({ since: 0 });
    const newest = (await victim.client.status()).daemon.revision;
    expect(newest).not.toBeUndefined();
    for await (const line of late) {
      seen.note('event', line);
      if (line.type === 'tunnel.disconnected') break;
    }
    await victim.client.stopDaemon();
    await daemon.kill('SIGTERM');
    clearInterval(sampling);

    seen.note('log', daemon.log());
    expect(seen.isThorough(way)).toBe(true);
    expect(openers.opened()).toBe(false);
    expect(secrets.count()).toBeGreaterThanOrEqual(12);
    expect(seen.holding(secrets)).toEqual([]);
    expect(files(victim.baseDir, secrets)).toEqual([]);
    expect(files(victim.stateDir, secrets)).toEqual([]);
  });
});

/** Texts that must not turn up, each with what it is. */
class Secrets {
  readonly #texts = new Map<string, string>();

  add(name: string, text: string): void {
    if (text.length < 16) throw new Error(`${name} is too short to be searched for`);
    this.#texts.set(text, name);
  }

  addCertificate(name: string, pem: string): void {
    const base64 = /-----BEGIN ARGO TUNNEL TOKEN-----([^-]+)/.exec(pem)?.[1]?.replaceAll(/\s/g, '') ?? '';
    const { apiToken } = JSON.parse(Buffer.from(base64, 'base64').toString()) as { readonly apiToken: string };
    this.add(`API token ${name}`, apiToken);
    // Any line of it.
    for (let at = 0; at + 40 <= base64.length; at += 40) this.add(`certificate ${name}`, base64.slice(at, at + 40));
  }

  addCredentials(name: string, json: string): void {
    const { AccountTag: a, TunnelSecret: s, TunnelID: t } = JSON.parse(json) as Readonly<Record<string, string>>;
    this.add(`tunnel secret ${name}`, s ?? '');
    this.add(`tunnel token ${name}`, Buffer.from(JSON.stringify({ a, t, s })).toString('base64').slice(60));
    this.add(`tunnel secret ${name}, in hex`, Buffer.from(s ?? '', 'base64').toString('hex'));
    this.add(`tunnel secret ${name}, in a URL`, Buffer.from(s ?? '', 'base64').toString('base64url'));
  }

  count(): number {
    return this.#texts.size;
  }

  in(text: string): readonly string[] {
    return [...this.#texts].flatMap(([secret, name]) => (text.includes(secret) ? [name] : []));
  }
}

/** Everything that somebody without the right to the secrets could have read. */
class Seen {
  readonly #victim: Victim;
  readonly #texts = new Map<string, string>();
  #samples = 0;
  /** What logins write to. */
  readonly #terminals = new Set<string>();
  #connectors = 0;

  constructor(victim: Victim) {
    this.#victim = victim;
  }

  note(kind: string, what: unknown): void {
    this.#texts.set(typeof what === 'string' ? what : JSON.stringify(what), kind);
  }

  /** Command lines are for everybody to read, environments for the same user. */
  sampleProcesses(): void {
    this.#samples += 1;
    for (const { pid, argv } of listProcesses()) {
      const line = argv.join(' ');
      this.note('argv', line);
      if (argv.includes('login') && environOf(pid).includes(this.#victim.baseDir)) this.#terminals.add(outputOf(pid));
      if (line.includes(`${this.#victim.baseDir}/revisions/`)) this.#connectors += 1;
      // The daemon itself was given the agent's secret, by the agent.
      if (line.includes('dist/cli/main.js')) continue;
      const environ = environOf(pid);
      if (line.includes(this.#victim.directory) || environ.includes(this.#victim.directory)) this.note('environ', environ);
    }
  }

  isThorough(way: string): boolean {
    return this.#samples > 20 && this.#terminals.has(way) && this.#connectors > 0 && new Set(this.#texts.values()).size === 6;
  }

  holding(secrets: Secrets): readonly string[] {
    return [...this.#texts].flatMap(([text, kind]) => secrets.in(text).map((name) => `${name} in ${kind}: ${text.slice(0, 300)}`));
  }
}

const outputOf = (pid: number): string => {
  try {
    return readlinkSync(`/proc/${pid}/fd/2`).startsWith('/dev/pts/') ? 'a pseudo terminal' : 'pipes';
  } catch {
    return '';
  }
};

const environOf = (pid: number): string => {
  try {
    return JSON.stringify(readEnviron(pid));
  } catch {
    return ''; // It ended meanwhile.
  }
};

const errorOf = (error: unknown): unknown => {
  const { toBody } = error as { readonly toBody?: () => unknown };
  if (toBody === undefined) throw new Error(`that should have been refused: ${JSON.stringify(error)}`);
  return errorBody.parse(toBody.call(error));
};

interface Holding {
  readonly file: string;
  readonly mode: number;
  readonly directoryMode: number;
}

function filesWith(directory: string, secrets: Secrets): readonly Holding[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || secrets.in(readFileSync(path, 'latin1')).length === 0) return [];
    return [{ file: relative(directory, path), mode: statSync(path).mode, directoryMode: statSync(dirname(path)).mode }];
  });
}

/** Which files hold a secret; each must be one that may, private in a private directory. */
function files(directory: string, secrets: Secrets): readonly string[] {
  const holding = filesWith(directory, secrets);
  for (const { file, mode, directoryMode } of holding) {
    expect(file).toMatch(MAY_HOLD);
    expect([mode & 0o177, directoryMode & 0o077], file).toEqual([0, 0]);
  }
  return [...new Set(holding.map(({ file }) => file.replace(/^[0-9a-f-]{36}(?=\.json$)/, '<id>')))].toSorted();
}

/** What a setup put in place. */
function learnFiles({ baseDir }: Victim, secrets: Secrets, name: string): void {
  secrets.addCertificate(name, readFileSync(join(baseDir, 'cert.pem'), 'utf8'));
  for (const file of readdirSync(baseDir).filter((one) => /^[0-9a-f-]{36}\.json$/.test(one))) secrets.addCredentials(`${name} ${file}`, readFileSync(join(baseDir, file), 'utf8'));
}

/** A browser opener that says whether it was started: its command line would hold the login URL. */
function plantOpener(directory: string): { readonly directory: string; opened(): boolean } {
  const place = join(directory, 'desktop');
  mkdirSync(place);
  for (const name of ['xdg-open', 'open']) {
    writeFileSync(join(place, name), `#!/bin/sh\necho "$@" >> '${join(place, 'opened')}'\nexec sleep 2\n`);
    chmodSync(join(place, name), 0o755);
  }
  return { directory: place, opened: () => existsSync(join(place, 'opened')) };
}
