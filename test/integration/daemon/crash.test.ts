import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { wholeBody } from '../../../src/measure/origin.js';
import { createRig, rulesOf, type Rig } from './rig.js';

/**
 * The supervisor dies at every step boundary of a change, is started again, and must have made of it exactly the old or
 * exactly the new. The boundaries are not written down here: they are those of a run that nobody kills.
 */

interface Scenario {
  readonly name: string;
  /** Up to the change: at its boundaries nobody dies. */
  prepare(rig: Rig): Promise<void>;
  /** The change itself; its daemon dies under it. */
  change(rig: Rig, origins: Origins): Promise<unknown>;
  /** What may be published afterwards: `hostname origin` of each rule. */
  readonly before: readonly string[];
  readonly after: readonly string[];
}

interface Origins {
  readonly one: string;
  readonly two: string;
}

const APP = 'app.example.com';
const NEW = 'new.example.com';

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a setup',
    prepare: async () => undefined,
    change: (rig) => rig.setUp(),
    before: [],
    after: [],
  },
  {
    name: 'a change that adds one name and moves another',
    prepare: async (rig) => void (await rig.setUp()),
    change: (rig, { one, two }) => rig.client.replaceForwarding({ rules: [{ hostname: APP, destination: two }, { hostname: NEW, destination: one }] }),
    before: [`${APP} one`],
    after: [`${APP} two`, `${NEW} one`],
  },
  {
    name: 'a removal',
    prepare: async (rig) => void (await rig.setUp()),
    change: (rig) => rig.client.removeRule({ hostname: APP }),
    before: [`${APP} one`],
    after: [],
  },
  {
    name: 'a disconnect',
    prepare: async (rig) => void (await rig.setUp()),
    change: (rig) => rig.client.disconnect(),
    before: [`${APP} one`],
    after: [],
  },
];

/** Brings a rig to where the change begins, and arms the gate of its daemon: to note the boundaries, or to die at one. */
async function begin(scenario: Scenario, boundary: string | undefined) {
  const rig = await createRig();
  const [one, two] = [await rig.origin('one'), await rig.origin('two')];
  const origins = { one: one.url, two: two.url };
  const gate = await mkdtemp(join(rig.directory, 'gate-'));
  const daemon = await rig.start({ GATE_DIR: gate });
  await scenario.prepare(rig);
  if (scenario.before.length > 0) await rig.client.addRule({ hostname: APP, destination: one.url });
  await writeFile(join(gate, 'armed'), boundary ?? 'none');
  return { rig, origins, daemon, noted: join(gate, 'log') };
}

/** The boundaries of a run that nobody kills. */
async function enumerate(scenario: Scenario): Promise<readonly string[]> {
  const { rig, origins, noted } = await begin(scenario, undefined);
  await scenario.change(rig, origins);
  // A setup tidies up after it has answered.
  await rig.client.stopDaemon({ handover: true });
  const boundaries = (await readFile(noted, 'utf8')).trim().split('\n');
  await rig.close();
  return boundaries;
}

describe.each(SCENARIOS)('$name', (scenario) => {
  test('survives a kill at each of its steps', { timeout: 600_000 }, async () => {
    const boundaries = await enumerate(scenario);
    expect(new Set(boundaries).size).toBe(boundaries.length);
    expect(boundaries.length).toBeGreaterThan(4);
    await inParallel(boundaries, async (boundary) => survive(scenario, boundary));
  });
});

async function survive(scenario: Scenario, boundary: string): Promise<void> {
  const { rig, origins, daemon } = await begin(scenario, boundary);
  await scenario.change(rig, origins).catch(() => undefined);
  expect(await daemon.ended, boundary).toBe('SIGKILL');

  await rig.start();
  await settled(rig);
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
  const files = await readdir(rig.baseDir, { recursive: true });
  expect(files.filter((file) => /^journal\/.|^setup\/.|\.\d{5,}$/.test(file)), boundary).toEqual([]);
  await rig.close();
}

/** Most of it is waiting for processes to end. */
const AT_ONCE = 4;

async function inParallel<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const work = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await run(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
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
