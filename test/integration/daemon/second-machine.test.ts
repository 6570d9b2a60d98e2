import { describe, expect, test } from 'vitest';
import { ANSWERS, type AnswerOf } from '../../../src/api/answers.js';
import { wholeBody } from '../../../src/measure/origin.js';
import { CLOUDFLARED_KIND, createRig, type Rig } from './rig.js';

const APP = 'app.example.com';
const API = 'api.example.com';

/** How many of this many requests, one after the other, were not answered by `one`. */
async function countLost(rig: Rig, hostname: string, requests = 40): Promise<number> {
  let lost = 0;
  for (let sent = 0; sent < requests; sent += 1) {
    const answer = await rig.visitors.get(hostname);
    if (answer.kind !== 'answered' || answer.status !== 200 || answer.body !== wholeBody('one')) lost += 1;
  }
  return lost;
}

const troubles = (status: AnswerOf<'status'>): readonly string[] => status.attention.map(({ code }) => code).filter((code) => code !== 'RUNS_AS_ROOT');

/** One machine publishes two names, and another one joins its tunnel. */
async function createTwo() {
  const first = await createRig();
  await first.start();
  await first.setUp({ cert: first.certificate(), name: 'shared' });
  const one = await first.origin('one');
  const rules = [{ hostname: APP, destination: one.url }, { hostname: API, destination: one.url }];
  await first.client.replaceForwarding({ rules });
  await first.waitFor(({ type, data }) => type === 'connector.stopped' && 'revision' in data && data.revision === 1, 0);
  const second = await createRig({}, first);
  const daemon = await second.start();
  await second.setUp({ cert: second.certificate(), name: 'shared', join: true });
  return { first, second, daemon, rules };
}

describe(`with the ${CLOUDFLARED_KIND} cloudflared`, () => {
  test('a machine that joined runs no connector until it has a rule, and nothing is lost when it gets all and gives them back', async () => {
    const { first, second, daemon, rules } = await createTwo();
    const idle = await second.client.status();
    expect(ANSWERS.status.parse(idle)).toEqual(idle);
    expect(idle).toMatchObject({ tunnel: { name: 'shared', joined: true }, connectors: [], rules: [] });
    expect(troubles(idle)).toEqual([]);
    expect(second.connectors()).toEqual([]);
    expect(await countLost(first, APP)).toBe(0);

    daemon.kill('SIGKILL');
    await daemon.ended;
    const next = await second.start();
    expect(await second.client.reconcile({})).toMatchObject({ changed: false }); // behind what a start does in the queue
    expect(second.connectors()).toEqual([]);

    expect(await second.client.replaceForwarding({ rules })).toMatchObject({ outcome: 'applied', rules: [{ hostname: APP, dns: 'adopted' }, { hostname: API }] });
    expect(await second.client.status()).toMatchObject({ connectors: [{ state: 'ready' }] });
    expect(await countLost(first, APP)).toBe(0);
    next.kill('SIGKILL');
    await next.ended;
    await second.start();
    await second.waitFor(({ type }) => type === 'connector.ready', 0);
    expect(second.connectors().length).toBeGreaterThan(0);
    expect(await countLost(first, API)).toBe(0);

    await second.client.replaceForwarding({ rules: [] });
    await expect.poll(async () => (await second.client.status()).connectors, { timeout: 5_000 }).toEqual([]);
    expect(second.connectors()).toEqual([]);
    expect(troubles(await second.client.status())).toEqual([]);
    expect(first.recordNames()).toEqual([API, APP]);
    expect(await countLost(first, APP)).toBe(0);
    expect(await countLost(first, API)).toBe(0);
  });

  test('the machine that made the tunnel goes without a loss where another one serves', async () => {
    const { first, second, rules } = await createTwo();
    await second.client.replaceForwarding({ rules });
    const { plan, warnings } = await first.client.disconnect({ dryRun: true });
    expect(plan.map(({ kind }) => kind)).toEqual(['stop-connectors', 'remove-record', 'remove-record', 'leave-tunnel', 'remove-artifacts']);
    const left = [{ code: 'TUNNEL_LEFT', message: expect.stringContaining(`${API}, ${APP}: others are connected`) as string }];
    expect(warnings).toEqual(left);

    const [lost, answer] = await Promise.all([countLost(second, APP, 200), first.client.disconnect({})]);
    expect([lost, answer]).toMatchObject([0, { outcome: 'disconnected', warnings: left }]);
    expect(first.connectors()).toEqual([]);
    expect(second.recordNames()).toEqual([API, APP]);
    expect(await countLost(second, API)).toBe(0);
    expect(troubles(await second.client.status())).toEqual([]);
  });
});
