import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { wholeBody } from '../../../src/measure/origin.js';
import type { Answer } from '../../../src/measure/visitor.js';
import { signalPid } from '../../fixtures/signal-pid.js';
import { createRig, rulesOf, type Rig } from './rig.js';

const HOSTNAME = 'app.example.com';

const isFrom = (name: string) => (answer: Answer): boolean => answer.kind === 'answered' && answer.status === 200 && answer.body === wholeBody(name);

async function publishOne(rig: Rig, environment: Readonly<Record<string, string>> = {}) {
  const daemon = await rig.start(environment);
  await rig.setUp();
  const one = await rig.origin('one');
  const two = await rig.origin('two');
  await rig.client.addRule({ hostname: HOSTNAME, destination: one.url });
  await rig.visitors.until(HOSTNAME, isFrom('one'), 10_000);
  return { daemon, one, two };
}

const zoneOf = (rig: Rig) => {
  const zone = rig.sandbox.world.zones.find('example.com');
  if (zone === undefined) throw new Error('no zone');
  return zone;
};

describe('trouble with Cloudflare', () => {
  test('a change that it refuses is undone, and what served serves on', async () => {
    const rig = await createRig();
    const { one, two } = await publishOne(rig);
    const { revision } = await rig.client.readForwarding();
    rig.sandbox.faults.api.add({ fault: { kind: 'status', status: 400 }, method: 'POST', path: 'zones/*/dns_records' });
    const asked = rig.client.replaceForwarding({ rules: [{ hostname: HOSTNAME, destination: two.url }, { hostname: 'new.example.com', destination: two.url }] });
    await expect(asked).rejects.toMatchObject({ code: 'DNS_FAILED' });
    expect(await rig.waitFor(({ type }) => type === 'forwarding.rolled-back', 0)).toMatchObject({ data: { undoFailures: [] } });
    expect(await rig.client.readForwarding()).toMatchObject({ revision, rules: [{ hostname: HOSTNAME, destination: one.url }] });
    expect(await rig.visitors.get(HOSTNAME)).toMatchObject({ body: wholeBody('one') });
    expect(rig.recordNames()).toEqual([HOSTNAME]);
  });

  test('a foreign record is a conflict that shows it, is replaced when asked to, and is given back', async () => {
    const rig = await createRig();
    const { one } = await publishOne(rig);
    const foreign = { type: 'A', name: 'www.example.com', content: '192.0.2.7', proxied: false, ttl: 300 };
    rig.sandbox.world.records.create(zoneOf(rig), foreign);
    const rule = { hostname: 'www.example.com', destination: one.url };
    await expect(rig.client.addRule(rule)).rejects.toMatchObject({ code: 'DNS_CONFLICT', problems: [{ message: expect.stringContaining('192.0.2.7') as unknown }] });
    expect(await rig.client.addRule({ ...rule, takeover: true })).toMatchObject({ outcome: 'applied' });
    await rig.visitors.until('www.example.com', isFrom('one'), 5_000);
    await rig.client.removeRule({ hostname: 'www.example.com' });
    expect(rig.sandbox.world.records.named('www.example.com')).toMatchObject([foreign]);
  });

  test('a record that somebody changed is taken back when asked to, for the rule that is named alone', async () => {
    const rig = await createRig();
    const { one, two } = await publishOne(rig);
    const other = 'other.example.com';
    await rig.client.addRule({ hostname: other, destination: two.url });
    for (const name of [HOSTNAME, other]) {
      const [record] = rig.sandbox.world.records.named(name);
      rig.sandbox.world.records.patch(zoneOf(rig), record?.id ?? '', { content: 'elsewhere.example.net' });
    }
    const rule = { hostname: HOSTNAME, destination: one.url };
    rig.sandbox.requests.clear();
    expect(await rig.client.addRule(rule)).toMatchObject({ outcome: 'unchanged' });
    expect(rig.sandbox.requests.list().filter(({ path }) => path.endsWith('dns_records'))).toEqual([]);
    expect(await rig.client.addRule({ ...rule, takeover: true })).toMatchObject({ outcome: 'applied', rules: [{ dns: 'taken-over' }, { dns: 'created' }] });
    await rig.visitors.until(HOSTNAME, isFrom('one'), 5_000);
    expect(rig.sandbox.world.records.named(other)).toMatchObject([{ content: 'elsewhere.example.net' }]);
    expect(await rig.client.addRule({ ...rule, takeover: true })).toMatchObject({ outcome: 'unchanged' });
    // With another destination, too; and for all rules that are given.
    expect(await rig.client.replaceForwarding({ rules: [rule, { hostname: other, destination: one.url }], takeover: true })).toMatchObject({ outcome: 'applied' });
    await rig.visitors.until(other, isFrom('one'), 5_000);
  });

  test('a record that somebody removed is made again at the next start', async () => {
    const rig = await createRig();
    const { daemon } = await publishOne(rig);
    await rig.client.stopDaemon({ handover: true });
    await daemon.ended;
    const [record] = rig.sandbox.world.records.named(HOSTNAME);
    rig.sandbox.world.records.delete(zoneOf(rig), record?.id ?? '');
    await rig.start();
    expect(await rig.waitFor(({ type }) => type === 'dns.drifted', 0)).toMatchObject({ data: { hostname: HOSTNAME, repaired: true } });
    expect(rig.recordNames()).toEqual([HOSTNAME]);
  });
});

describe('trouble on this machine', () => {
  test('lost credentials are fetched again', async () => {
    const rig = await createRig();
    await publishOne(rig);
    const { tunnel, connectors } = await rig.client.status();
    await rm(join(rig.baseDir, `${tunnel?.id ?? ''}.json`));
    const since = (await rig.client.events().next()).value?.seq ?? 0;
    signalPid(connectors.at(-1)?.pid, 'SIGKILL');
    expect(await rig.waitFor(({ type }) => type === 'connector.failed', since)).toMatchObject({ data: { error: { code: 'CREDENTIALS_MISSING' } } });
    await rig.waitFor(({ type }) => type === 'connector.ready', since);
    await rig.visitors.until(HOSTNAME, isFrom('one'), 5_000);
  });

  test('a damaged certificate that a setup left is passed over', async () => {
    const rig = await createRig();
    const { one } = await publishOne(rig);
    const staged = join(rig.baseDir, 'setup', 'staged');
    await mkdir(staged, { recursive: true });
    await writeFile(join(staged, 'cert.pem'), '-----BEGIN ARGO TUNNEL TOKEN-----\neyJ6');
    expect(await rig.client.addRule({ hostname: 'www.example.com', destination: one.url })).toMatchObject({ outcome: 'applied' });
    expect(rig.recordNames()).toEqual([HOSTNAME, 'www.example.com']);
  });

  test('a journal of a newer version is not touched: the daemon ends, and what serves serves on', async () => {
    const rig = await createRig();
    const { daemon } = await publishOne(rig);
    await rig.client.stopDaemon({ handover: true });
    await daemon.ended;
    await writeFile(join(rig.baseDir, 'journal', '20990101T000000000Z.jsonl'), `${JSON.stringify({ schemaVersion: 99, change: '20990101T000000000Z' })}\n`);
    const newer = await rig.start();
    expect(await newer.ended).toBe(1);
    expect(newer.log()).toContain('newer version');
    expect(await rig.visitors.get(HOSTNAME)).toMatchObject({ body: wholeBody('one') });
  });

  test('with --replace=restart one connector ends before the next begins, and the answer says so', async () => {
    const rig = await createRig();
    const { two } = await publishOne(rig, { CLOUDFLARED_SUPERVISOR_REPLACE: 'restart' });
    const since = (await rig.client.events().next()).value?.seq ?? 0;
    const answer = await rig.client.replaceForwarding({ rules: [{ hostname: HOSTNAME, destination: two.url }] });
    expect(answer.warnings).toMatchObject([{ code: 'REPLACED_BY_RESTART' }]);
    const types: string[] = [];
    await rig.waitFor(({ type }) => {
      if (type.startsWith('connector.')) types.push(type);
      return type === 'forwarding.applied';
    }, since);
    expect(types).toEqual(['connector.draining', 'connector.stopped', 'connector.started', 'connector.ready']);
    await rig.visitors.until(HOSTNAME, isFrom('two'), 5_000);
  });

  test('told to stop a second time the daemon ends at once, and cuts nothing off', async () => {
    const rig = await createRig();
    const { daemon } = await publishOne(rig);
    const slow = rig.visitors.get(HOSTNAME, '/slow');
    await rig.visitors.get(HOSTNAME);
    daemon.kill('SIGTERM');
    await rig.waitFor(({ type }) => type === 'connector.draining', 0);
    daemon.kill('SIGTERM');
    expect(await daemon.ended).toBe(0);
    expect(rig.connectors().length).toBeGreaterThan(0);
    expect(await slow).toMatchObject({ kind: 'answered', status: 200, body: wholeBody('one') });
  });
});

describe('trouble with clients', () => {
  test('one that goes away does not take its change along', async () => {
    const rig = await createRig();
    const { two } = await publishOne(rig);
    const since = (await rig.client.events().next()).value?.seq ?? 0;
    const leave = new AbortController();
    const asked = rig.client.replaceForwarding({ rules: [{ hostname: HOSTNAME, destination: two.url }] }, { signal: leave.signal });
    const accepted = rig.waitFor(({ type }) => type === 'forwarding.accepted', since);
    await accepted;
    leave.abort();
    await expect(asked).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await rig.waitFor(({ type }) => type === 'forwarding.applied', since);
    await rig.visitors.until(HOSTNAME, isFrom('two'), 5_000);
  });

  test('many at once come to the last word, and none is half applied', async () => {
    const rig = await createRig();
    const { one, two } = await publishOne(rig);
    const urls = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? one.url : two.url));
    const answers = await Promise.all(urls.map((destination) => rig.client.replaceForwarding({ rules: [{ hostname: HOSTNAME, destination }] })));
    expect(answers.every(({ outcome }) => outcome !== 'planned')).toBe(true);
    expect(rulesOf(await rig.client.status())).toHaveLength(1);
    await rig.visitors.until(HOSTNAME, isFrom(rulesOf(await rig.client.status())[0] === `${HOSTNAME} ${one.url}` ? 'one' : 'two'), 5_000);
    expect((await rig.client.listRevisions()).revisions.length).toBeLessThanOrEqual(10);
  });
});
