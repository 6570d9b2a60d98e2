import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ANSWERS } from '../../../src/api/answers.js';
import { HANDED_OVER } from '../../../src/core/errors.js';
import { Load } from '../../../src/measure/load.js';
import { wholeBody } from '../../../src/measure/origin.js';
import type { Answer } from '../../../src/measure/visitor.js';
import { signalPid } from '../../fixtures/signal-pid.js';
import { untilSent } from '../../fixtures/until-sent.js';
import { CLOUDFLARED_KIND, createRig, rulesOf, type Rig } from './rig.js';

const HOSTNAME = 'app.example.com';

const isFrom = (name: string) => (answer: Answer): boolean => answer.kind === 'answered' && answer.status === 200 && answer.body === wholeBody(name);

/** A daemon that publishes the service `one`. */
async function publishOne(rig: Rig) {
  const daemon = await rig.start();
  await rig.setUp();
  const one = await rig.origin('one');
  await rig.client.addRule({ hostname: HOSTNAME, destination: one.url });
  await rig.visitors.until(HOSTNAME, isFrom('one'), 5_000);
  await rig.waitFor(({ type, data }) => type === 'connector.stopped' && 'revision' in data && data.revision === 1, 0);
  return { daemon, one };
}

const startLoad = (rig: Rig): Load => new Load(rig.visitors, { hostname: HOSTNAME, perSecond: 200, origins: ['one', 'two'] });

describe(`with the ${CLOUDFLARED_KIND} cloudflared`, () => {
  test('a person logs in, and the domain is connected', async () => {
    const rig = await createRig();
    await rig.start();
    const { setup, joined, seq } = await rig.client.startSetup();
    expect({ state: setup.state, joined }).toEqual({ state: 'running', joined: false });
    const issued = await rig.waitFor(({ type }) => type === 'login.url-issued', seq);
    const again = await rig.client.startSetup();
    expect(again).toMatchObject({ joined: true, setup: { state: 'waiting', loginUrl: (issued.data as { url: string }).url } });
    await expect(rig.client.startSetup({ name: 'other' })).rejects.toMatchObject({ code: 'SETUP_IN_PROGRESS' });

    await rig.sandbox.world.changes.wait(() => rig.sandbox.logins.list().find(({ polls }) => polls > 0), 10_000);
    rig.sandbox.logins.authorise();
    const last = await rig.waitFor(({ type }) => type === 'setup.completed' || type === 'setup.failed', seq);
    expect(last).toMatchObject({ type: 'setup.completed', data: { domain: 'example.com', tunnelExisted: false } });

    const status = await rig.client.status();
    expect(ANSWERS.status.parse(status)).toEqual(status);
    expect(status).toMatchObject({ tunnel: { domain: 'example.com' }, connectors: [{ state: 'ready', revision: 1 }], setup: { state: 'completed' } });
    expect((await stat(join(rig.baseDir, 'cert.pem'))).mode & 0o777).toBe(0o600);
  });

  test('a name is published, moved under load without a loss, and removed with its record', async () => {
    const rig = await createRig();
    const { one } = await publishOne(rig);
    expect(rig.recordNames()).toEqual([HOSTNAME]);
    const two = await rig.origin('two');

    const load = startLoad(rig);
    await untilSent(load, 200);
    const moved = await rig.client.replaceForwarding({ rules: [{ hostname: HOSTNAME, destination: two.url }] });
    await rig.visitors.until(HOSTNAME, isFrom('two'), 5_000);
    await untilSent(load, 800);
    const report = await load.stop();
    expect(moved.outcome).toBe('applied');
    expect([...report.reasons]).toEqual([]);
    expect(report.lost).toBe(0);
    expect([...report.answeredBy.keys()].sort()).toEqual(['one', 'two']);

    expect(await rig.client.replaceForwarding({ rules: [{ hostname: HOSTNAME, destination: two.url }] })).toMatchObject({ outcome: 'unchanged', revision: moved.revision });
    const removed = await rig.client.removeRule({ hostname: HOSTNAME });
    expect(ANSWERS.removeRule.parse(removed)).toEqual(removed);
    expect(rig.recordNames()).toEqual([]);
    expect(rulesOf(await rig.client.status())).toEqual([]);
    expect(await rig.client.rollback()).toMatchObject({ outcome: 'applied', rules: [{ hostname: HOSTNAME, destination: two.url }] });
    expect(one.url).not.toBe(two.url);
  });

  test('a killed connector comes back by itself', async () => {
    const rig = await createRig();
    await publishOne(rig);
    const [killed] = rig.connectors();
    expect(rig.connectors()).toHaveLength(1);
    signalPid(killed?.pid, 'SIGKILL');
    await rig.waitFor(({ type }) => type === 'connector.ready');
    await rig.visitors.until(HOSTNAME, isFrom('one'), 5_000);
    expect(rig.connectors().map(({ pid }) => pid)).not.toContain(killed?.pid);
  });

  test('a killed daemon is taken over from without a loss', async () => {
    const rig = await createRig();
    const { daemon } = await publishOne(rig);
    const [orphan] = rig.connectors();
    const load = startLoad(rig);
    await untilSent(load, 100);
    daemon.kill('SIGKILL');
    await daemon.ended;
    await rig.start();
    await rig.waitFor(({ type, data }) => type === 'connector.stopped' && 'pid' in data && data.pid === orphan?.pid, 0);
    await untilSent(load, 600);
    const report = await load.stop();
    expect([...report.reasons]).toEqual([]);
    expect(rig.connectors()).toHaveLength(1);
    expect(rig.connectors()[0]?.pid).not.toBe(orphan?.pid);
    expect((await rig.client.status()).connectors).toMatchObject([{ state: 'ready' }]);
  });

  test('a daemon that hands over leaves its connector to the next one', async () => {
    const rig = await createRig();
    const { daemon } = await publishOne(rig);
    const [left] = rig.connectors();
    const load = startLoad(rig);
    await untilSent(load, 100);
    expect(await rig.client.stopDaemon({ handover: true })).toMatchObject({ handover: true, pid: daemon.pid });
    // Whoever keeps it is to start it again.
    expect(await daemon.ended).toBe(HANDED_OVER);
    expect(rig.connectors().map(({ pid }) => pid)).toEqual([left?.pid]);
    await rig.start();
    await rig.waitFor(({ type, data }) => type === 'connector.stopped' && 'pid' in data && data.pid === left?.pid, 0);
    const report = await load.stop();
    expect([...report.reasons]).toEqual([]);
  });

  test('a daemon that is told to stop lets requests in flight finish, and leaves nothing', async () => {
    const rig = await createRig();
    const { daemon } = await publishOne(rig);
    const slow = rig.visitors.get(HOSTNAME, '/slow');
    const arrived = rig.visitors.get(HOSTNAME, '/');
    await arrived;
    daemon.kill('SIGTERM');
    expect(await slow).toMatchObject({ kind: 'answered', status: 200 });
    expect(await daemon.ended).toBe(0);
    expect(rig.connectors()).toEqual([]);
    await expect(stat(join(rig.baseDir, 'control.sock'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(rig.client.status()).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
  });
});
