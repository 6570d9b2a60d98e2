import type { SupervisorClient } from '../api/client.js';
import { settle } from '../measure/move.js';
import { toFigure, type Figure } from './figure.js';
import { ZONE, type Stage } from './stage.js';

const SIZES = [10, 100, 1_000, 10_000] as const;
const RUNS = 7;
/** Ten thousand paths of one name: DNS is unchanged, and the connector has as many rules to read. */
const HOSTNAME = `many.${ZONE}`;

/**
 * Our share of an apply: everything but the connector's own start. The constant is the smallest size; the slope is
 * what each rule adds, between the smallest and the largest. The sizes themselves are only shown.
 */
export async function measureRuleShare(stage: Stage, tell: (text: string) => void): Promise<readonly Figure[]> {
  const shares = new Map<number, number[]>();
  for (const size of SIZES) {
    const values: number[] = [];
    await stage.client.replaceForwarding({ rules: makeRules(size, 0) });
    for (let run = 1; run <= RUNS; run += 1) {
      tell(`${String(size)} rules, ${String(run)} of ${String(RUNS)}`);
      await settle(stage.client);
      values.push(await measureShare(stage.client, size, run));
    }
    shares.set(size, values);
  }
  await stage.client.replaceForwarding({ rules: [{ hostname: stage.hostname, destination: stage.origins[0].url }] });
  const [smallest, , , largest] = SIZES;
  const base = shares.get(smallest) ?? [];
  const slopes = (shares.get(largest) ?? []).map((ms, run) => (ms - (base[run] ?? ms)) / (largest - smallest));
  return [
    ...SIZES.map((size) => toFigure({ name: `our share of applying ${String(size)} rules`, unit: 'ms', values: shares.get(size) ?? [] })),
    toFigure({ name: 'slope of our share', unit: 'ms a rule', values: slopes, target: { kind: 'value', atMost: 0.3 } }),
  ];
}

/** The whole request as its client sees it, less the time from `connector.started` to `connector.ready`. */
async function measureShare(client: SupervisorClient, size: number, run: number): Promise<number> {
  const watch = new AbortController();
  const events = client.events({ signal: watch.signal });
  try {
    await events.next();
    const startedAt = performance.now();
    await client.replaceForwarding({ rules: makeRules(size, run) });
    const wholeMs = performance.now() - startedAt;
    let spawnedAt = 0;
    for await (const event of events) {
      if (event.type === 'connector.started') spawnedAt = Date.parse(event.at);
      if (event.type === 'connector.ready') return wholeMs - (Date.parse(event.at) - spawnedAt);
    }
    throw new Error('no connector got ready');
  } finally {
    watch.abort();
  }
}

const makeRules = (size: number, run: number): { hostname: string; path: string; destination: string }[] =>
  Array.from({ length: size }, (_, index) => ({
    hostname: HOSTNAME,
    path: `/service-${String(index)}`,
    // One rule differs from run to run, so that there is something to do.
    destination: `http://127.0.0.1:${String(index === 0 ? 3_000 + run : 3_000)}`,
  }));
