import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { wholeBody } from '../../../src/measure/origin.js';
import { createRig, rulesOf, type Daemon, type Rig } from './rig.js';

/**
 * The supervisor dies at every step boundary of a change, is started again, and must have made of it exactly the old or
 * exactly the new. The boundaries are not written down here: they are those of a run that nobody kills.
 */

interface Scenario {
  readonly name: string;
  /** Whether the machine is connected, and serves `before`, when the change begins. */
  readonly isConnected: boolean;
  /** The change itself; its daemon dies under it. */
  change(stage: Stage): Promise<unknown>;
  /** What may be published afterwards: `hostname origin` of each rule. */
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** A rig whose daemon has the gate. */
interface Stage {
  readonly rig: Rig;
  readonly origins: { readonly one: string; readonly two: string };
  /** The boundaries that were noted, a line of JSON each. */
  readonly noted: string;
  start(): Promise<Daemon>;
  /** From now on the daemon notes its boundaries, and dies at this one. */
  arm(boundary: string): Promise<void>;
  disarm(): Promise<void>;
}

/** Most of it is waiting for processes to end. */
const AT_ONCE = 4;

const APP = 'app.example.com';
const NEW = 'new.example.com';

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a setup',
    isConnected: false,
    change: ({ rig }) => rig.setUp(),
    before: [],
    after: [],
  },
  {
    name: 'a change that adds one name and moves another',
    isConnected: true,
    change: ({ rig, origins }) => rig.client.replaceForwarding({ rules: [{ hostname: APP, destination: origins.two }, { hostname: NEW, destination: origins.one }] }),
    before: [`${APP} one`],
    after: [`${APP} two`, `${NEW} one`],
  },
  {
    name: 'a removal',
    isConnected: true,
    change: ({ rig }) => rig.client.removeRule({ hostname: APP }),
    before: [`${APP} one`],
    after: [],
  },
  {
    name: 'a disconnect',
    isConnected: true,
    change: ({ rig }) => rig.client.disconnect(),
    before: [`${APP} one`],
    after: [],
  },
];

async function createStage(): Promise<Stage> {
  const rig = await createRig();
  const [one, two] = [await rig.origin('one'), await rig.origin('two')];
  const gate = await mkdtemp(join(rig.directory, 'gate-'));
  const armed = join(gate, 'armed');
  return {
    rig,
    origins: { one: one.url, two: two.url },
    noted: join(gate, 'log'),
    start: () => rig.start({ GATE_DIR: gate }),
    arm: (boundary) => writeFile(armed, boundary),
    disarm: () => rm(armed, { force: true }),
  };
}

/** Brings it to where the change begins, from wherever the one before has left it. */
async function lead({ rig, origins }: Stage, { isConnected }: Scenario): Promise<void> {
  if (!isConnected) return;
  const { tunnel } = await rig.client.status();
  if (tunnel === null) await rig.setUp();
  await rig.client.replaceForwarding({ rules: [{ hostname: APP, destination: origins.one }] });
}

/** The boundaries of a run that nobody kills. Of two with the same journal the first is left out: whoever dies there has left the same. */
async function enumerate(scenario: Scenario): Promise<readonly string[]> {
  const stage = await createStage();
  await stage.start();
  await lead(stage, scenario);
  await stage.arm('none');
  await scenario.change(stage);
  // A setup tidies up after it has answered.
  await settled(stage.rig);
  const noted = (await readFile(stage.noted, 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as { readonly boundary: string; readonly journal: readonly string[] });
  await stage.rig.close();
  return noted.filter(({ journal }, index) => !isDeepStrictEqual(journal, noted[index + 1]?.journal)).map(({ boundary }) => boundary);
}

describe.each(SCENARIOS)('$name', (scenario) => {
  test('survives a kill at each of its steps', { timeout: 600_000 }, async () => {
    const boundaries = await enumerate(scenario);
    expect(new Set(boundaries).size).toBe(boundaries.length);
    expect(boundaries.length).toBeGreaterThan(4);
    const waiting = [...boundaries];
    await Promise.all(Array.from({ length: AT_ONCE }, () => surviveEach(scenario, () => waiting.shift())));
  });
});

/** One after another on one stage; a setup has a new one each time, since it is where nothing was that it must work. */
async function surviveEach(scenario: Scenario, next: () => string | undefined): Promise<void> {
  let stage = await createStage();
  let daemon = await stage.start();
  for (let boundary = next(); boundary !== undefined; boundary = next()) {
    await lead(stage, scenario);
    await stage.arm(boundary);
    // Cut off by the daemon's death. Where it answers, the boundary was not come to, and nobody would die of it.
    const answer = scenario.change(stage).catch((error: unknown) => error);
    const how = await Promise.race([daemon.ended, answer.then(async (said) => Promise.race([daemon.ended, late(said)]))]);
    expect(how, boundary).toBe('SIGKILL');
    await stage.disarm();
    daemon = await stage.start();
    await settled(stage.rig);
    await check(stage, scenario, boundary);
    if (scenario.isConnected) continue;
    await stage.rig.close();
    stage = await createStage();
    daemon = await stage.start();
  }
  await stage.rig.close();
}

/** An answer and the death after it may come in either order. */
async function late<T>(answer: T): Promise<T> {
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  return answer;
}

async function check({ rig, origins }: Stage, scenario: Scenario, boundary: string): Promise<void> {
  const status = await rig.client.status();
  const named = Object.fromEntries(Object.entries(origins).map(([name, url]) => [url, name]));
  const published = status.tunnel === null ? [] : status.rules.map(({ hostname, destination }) => `${hostname} ${named[destination] ?? destination}`);
  expect([scenario.before, scenario.after], boundary).toContainEqual(published);
  expect(rulesOf(status).length, boundary).toBeGreaterThanOrEqual(published.length);

  // What is on disk, what runs, what is in DNS and what visitors get is one and the same.
  const names = published.map((rule) => rule.split(' ')[0] ?? '');
  expect(rig.recordNames(), boundary).toEqual([...new Set(names)].toSorted());
  expect(rig.connectors(), boundary).toHaveLength(status.tunnel === null ? 0 : 1);
  const tunnels = rig.sandbox.world.tunnels.list().filter(({ deletedAt }) => deletedAt === undefined);
  expect(tunnels.map(({ id }) => id), boundary).toEqual(status.tunnel === null ? [] : [status.tunnel.id]);
  for (const rule of published) {
    const [hostname = '', origin = ''] = rule.split(' ');
    expect(await rig.visitors.get(hostname), boundary).toMatchObject({ status: 200, body: wholeBody(origin) });
  }
  // Copies for people and the agent are written after the change, so one may just be under way.
  const leftovers = async () => (await readdir(rig.baseDir, { recursive: true })).filter((file) => /^journal\/.|^setup\/.|\.\d{5,}$/.test(file));
  await expect.poll(leftovers, { message: boundary }).toEqual([]);
}

/** Nothing that was left is being worked on any more. */
async function settled(rig: Rig): Promise<void> {
  for (;;) {
    const { setup, connectors, tunnel } = await rig.client.status();
    const isQuiet = connectors.every(({ state }) => state === 'ready') && connectors.length === (tunnel === null ? 0 : 1);
    const journal = await readdir(join(rig.baseDir, 'journal'));
    if (isQuiet && journal.length === 0 && setup.state !== 'running' && setup.state !== 'waiting') return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
