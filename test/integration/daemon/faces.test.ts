import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ANSWERS } from '../../../src/api/answers.js';
import type { EventLine } from '../../../src/api/client.js';
import { readEnviron } from '../../../src/host/process-table.js';
import { createRig, rulesOf, type Rig } from './rig.js';

const HOSTNAME = 'app.example.com';

async function publishOne(rig: Rig, environment: Readonly<Record<string, string>> = {}) {
  const daemon = await rig.start(environment);
  await rig.setUp();
  const one = await rig.origin('one');
  const answer = await rig.client.addRule({ hostname: HOSTNAME, destination: one.url });
  return { daemon, one, answer };
}

describe('what the daemon says', () => {
  test('one line when it serves, and its answers as the schema has them', async () => {
    const rig = await createRig();
    const daemon = await rig.start();
    expect(daemon.ready).toEqual({ event: 'daemon.ready', socket: join(rig.baseDir, 'control.sock'), pid: daemon.pid, version: expect.any(String) as unknown });
    expect(await rig.client.status()).toMatchObject({ tunnel: null, connectors: [], rules: [], setup: { state: 'none' }, attention: [{ code: 'SETUP_REQUIRED' }, ...(process.getuid?.() === 0 ? [{ code: 'RUNS_AS_ROOT' }] : [])] });
    await expect(rig.client.addRule({ hostname: HOSTNAME, destination: 'http://127.0.0.1:1' })).rejects.toMatchObject({ code: 'SETUP_REQUIRED' });
    expect(ANSWERS.portacode.parse((await rig.client.portacode({ cmd: 'x' }).next()).value)).toMatchObject({ event: 'error', error_code: 'REQUEST_INVALID' });

    const joined = await rig.client.startSetup({ cert: rig.certificate() });
    await rig.waitFor(({ type }) => type === 'setup.completed', joined.seq);
    const one = await rig.origin('one');
    const rule = { hostname: HOSTNAME, destination: one.url };
    const planned = await rig.client.addRule({ ...rule, dryRun: true });
    expect(planned.plan?.map(({ kind }) => kind)).toContain('publish-record');
    expect(rig.recordNames()).toEqual([]);
    const added = await rig.client.addRule(rule, { ifMatch: 1 });
    const answers = {
      startSetup: joined,
      addRule: added,
      replaceForwarding: planned,
      status: await rig.client.status(),
      readForwarding: await rig.client.readForwarding(),
      listRevisions: await rig.client.listRevisions(),
      reconcile: await rig.client.reconcile(),
      cancelSetup: await rig.client.cancelSetup(),
      disconnect: await rig.client.disconnect({ dryRun: true }),
      metrics: await rig.client.metrics(),
    } as const;
    for (const [name, answer] of Object.entries(answers)) expect(ANSWERS[name as keyof typeof answers].parse(answer), name).toEqual(answer);

    await expect(rig.client.addRule({ ...rule, destination: 'http://127.0.0.1:2', replace: false })).rejects.toMatchObject({ code: 'RULE_EXISTS' });
    await expect(rig.client.replaceForwarding({ rules: [] }, { ifMatch: 1 })).rejects.toMatchObject({ code: 'REVISION_CHANGED' });
    await expect(rig.client.addRule({ hostname: 'app.other.example', destination: one.url })).rejects.toMatchObject({ code: 'FORWARDING_INVALID', problems: [{ field: 'hostname' }] });
    await expect(rig.client.rollback({ revision: 77 })).rejects.toMatchObject({ code: 'REVISION_UNKNOWN' });
    expect(await rig.client.readForwarding()).toMatchObject({ revision: added.revision, rules: [rule] });
  });

  test('events go on over a restart, numbered through', async () => {
    const rig = await createRig();
    const { daemon } = await publishOne(rig);
    const { since } = { since: (await first(rig.client.events())).seq };
    await rig.client.stopDaemon();
    expect(await daemon.ended).toBe(0);
    await rig.start();
    const stop = new AbortController();
    const lines: EventLine[] = [];
    for await (const line of rig.client.events({ since, signal: stop.signal })) {
      lines.push(line);
      if (line.type === 'connector.ready') stop.abort();
    }
    expect(ANSWERS.events.parse(lines[0])).toMatchObject({ seq: since, type: 'snapshot', data: { missed: false } });
    expect(lines.slice(1).map(({ seq }) => seq)).toEqual(lines.slice(1).map((_, index) => since + 1 + index));
    expect(lines.map(({ type }) => type)).toEqual(expect.arrayContaining(['daemon.stopping', 'connector.stopped', 'daemon.ready', 'connector.ready']));
  });

  test('the log of its connectors, of the past and as it is written', async () => {
    const rig = await createRig();
    await publishOne(rig);
    const past = [];
    for await (const line of rig.client.logs({ lines: 1000 })) past.push(ANSWERS.logs.parse(line));
    expect(past.map(({ message }) => message)).toContain('Registered tunnel connection');
    expect(past.map(({ at }) => at ?? '')).toEqual(past.map(({ at }) => at ?? '').toSorted());

    const stop = new AbortController();
    const following = rig.client.logs({ lines: 0, follow: true }, { signal: stop.signal });
    const next = following.next();
    await rig.client.rollback();
    expect((await next).value).toMatchObject({ connector: expect.any(Number) as unknown });
    stop.abort();
  });
});

describe('what is given to cloudflared', () => {
  test('are exactly the files, flags and variables of the contract', async () => {
    const rig = await createRig();
    const { answer } = await publishOne(rig, { AGENT_SECRET: 'x', TUNNEL_TOKEN: 'x', LANG: 'C.UTF-8', CLOUDFLARED_SUPERVISOR_GRACE_PERIOD: '5s' });
    const { tunnel, connectors } = await rig.client.status();
    const kept = connectors.find(({ revision }) => revision === answer.revision);
    const { argv } = rig.connectors().find(({ pid }) => pid === kept?.pid) ?? { argv: [] as readonly string[] };
    const edge = rig.sandbox.environment()['CLOUDFLARED_SUPERVISOR_EDGE']?.split(',') ?? [];
    expect(argv.slice(argv.indexOf('tunnel'))).toEqual([
      'tunnel',
      '--config', join(rig.baseDir, 'revisions', `${answer.revision}.yml`),
      '--origincert', join(rig.baseDir, 'cert.pem'),
      '--no-autoupdate',
      '--metrics', kept?.metricsUrl?.replace('http://', ''),
      '--output', 'json',
      '--loglevel', 'info',
      ...edge.flatMap((address) => ['--edge', address]),
      '--protocol', 'http2',
      '--cacert', rig.sandbox.caFile,
      '--grace-period', '5s',
      '--no-prechecks',
      'run',
      '--credentials-file', join(rig.baseDir, `${tunnel?.id ?? ''}.json`),
      tunnel?.id,
    ]);
    const environment = readEnviron(kept?.pid ?? 0);
    // The stand-in is started by a shell, which adds its own.
    const names = Object.keys(environment).filter((name) => !['PWD', 'SHLVL', '_', 'OLDPWD'].includes(name));
    expect(names.sort()).toEqual(['HOME', 'HTTPS_PROXY', 'LANG', 'PATH', 'SSL_CERT_FILE']);
    expect(environment['HOME']).not.toBe('/nonexistent');
  });

  test('and no secret is anywhere but in its file', async () => {
    const rig = await createRig();
    const { daemon } = await publishOne(rig);
    const { tunnel } = await rig.client.status();
    const credentials = JSON.parse(await readFile(join(rig.baseDir, `${tunnel?.id ?? ''}.json`), 'utf8')) as { TunnelSecret: string };
    const pem = await readFile(join(rig.baseDir, 'cert.pem'), 'utf8');
    const token = JSON.parse(Buffer.from(/TOKEN-----\n([^-]+)/.exec(pem)?.[1] ?? '', 'base64').toString('utf8')) as { apiToken: string };
    const secrets = [credentials.TunnelSecret, token.apiToken];
    expect(secrets.every((secret) => secret.length > 20)).toBe(true);

    const said = [daemon.log(), JSON.stringify(await rig.client.status()), ...rig.connectors().map(({ argv, pid }) => argv.join(' ') + JSON.stringify(readEnviron(pid)))];
    for await (const line of rig.client.logs({ lines: 1000 })) said.push(JSON.stringify(line));
    expect(said.filter((text) => secrets.some((secret) => text.includes(secret)))).toEqual([]);

    const holding: string[] = [];
    for (const entry of await readdir(rig.baseDir, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() && !entry.isDirectory()) continue;
      expect((await stat(path)).mode & 0o077, path).toBe(0);
      if (!entry.isFile()) continue;
      const text = await readFile(path, 'utf8');
      if (secrets.some((secret) => text.includes(secret))) holding.push(entry.name);
    }
    expect(holding).toEqual([`${tunnel?.id ?? ''}.json`]);
    expect(pem).toContain('ARGO TUNNEL TOKEN');
  });
});

describe('who else is there', () => {
  test('a second daemon is refused, and told who holds the directory', async () => {
    const rig = await createRig();
    const daemon = await rig.start();
    await expect(rig.start()).rejects.toThrow(new RegExp(`held by pid ${daemon.pid}`));
    expect((await rig.client.status()).daemon.pid).toBe(daemon.pid);
  });

  test('a copy that a person edited is published at the next start; one that cannot be used is set aside', async () => {
    const rig = await createRig();
    const { daemon, one } = await publishOne(rig);
    const config = join(rig.baseDir, 'config.yml');
    const written = await readFile(config, 'utf8');
    await rig.client.stopDaemon();
    await daemon.ended;

    await writeFile(config, written.replace('ingress:\n', `ingress:\n  - hostname: "new.example.com"\n    path: "^/api(/|$)"\n    service: "${one.url}"\n`));
    const second = await rig.start();
    expect(await rig.waitFor(({ type }) => type === 'copy.edited', 0)).toMatchObject({ data: { file: config, outcome: 'applied' } });
    expect(rulesOf(await rig.client.status())).toEqual([`${HOSTNAME} ${one.url}`, `new.example.com ${one.url}`]);
    expect(rig.recordNames()).toEqual([HOSTNAME, 'new.example.com']);
    await rig.client.stopDaemon();
    await second.ended;

    const before = await readFile(config, 'utf8');
    await writeFile(config, `${before}warp-routing: true\n`);
    await rig.start();
    const aside = await rig.waitFor(({ type, data }) => type === 'copy.edited' && 'outcome' in data && data.outcome === 'set-aside', 0);
    expect(aside.data).toMatchObject({ message: expect.stringContaining('warp-routing') as unknown });
    expect((await readdir(rig.baseDir)).filter((name) => name.startsWith('config.yml.edited-'))).toHaveLength(1);
    expect(await readFile(config, 'utf8')).toBe(before);
    expect(rulesOf(await rig.client.status())).toHaveLength(2);
  });

  test('what a disconnect takes away, and what stays', async () => {
    const rig = await createRig();
    const { one } = await publishOne(rig);
    const { tunnel } = await rig.client.status();
    expect(await rig.client.disconnect()).toMatchObject({ outcome: 'disconnected', warnings: [] });
    expect(rig.connectors()).toEqual([]);
    expect(rig.recordNames()).toEqual([]);
    expect(rig.sandbox.world.tunnels.get(tunnel?.id ?? '')?.deletedAt).toEqual(expect.any(Number));
    const left = await readdir(rig.baseDir);
    expect(left.filter((name) => ['cert.pem', 'config.yml', 'tunnel.json', `${tunnel?.id ?? ''}.json`].includes(name))).toEqual([]);
    expect(await rig.client.status()).toMatchObject({ tunnel: null, rules: [{ hostname: HOSTNAME, status: 'outside-zone' }] });
    expect(await rig.client.disconnect()).toMatchObject({ outcome: 'unchanged' });

    await rig.setUp();
    expect(await rig.client.status()).toMatchObject({ rules: [{ hostname: HOSTNAME, destination: one.url, status: 'live', dns: 'created' }] });
    expect(rig.recordNames()).toEqual([HOSTNAME]);
  });

  test('a directory in the place of the socket is no socket', async () => {
    const rig = await createRig();
    await mkdir(join(rig.baseDir, 'control.sock'), { recursive: true });
    await expect(rig.start()).rejects.toThrow('is not a socket');
  });
});

async function first(lines: AsyncGenerator<EventLine, void, undefined>): Promise<EventLine> {
  for await (const line of lines) return line;
  throw new Error('there was none');
}
