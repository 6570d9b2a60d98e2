import { join } from 'node:path';
import type { SupervisorClient } from '../api/client.js';
import { systemClock } from '../core/clock.js';
import { measureFloor } from './floor.js';
import { median } from './median.js';
import type { Narrator } from './narrator.js';
import type { Offline } from './offline.js';
import { wholeBody, type Origin } from './origin.js';
import type { Visitors } from './visitor.js';

/** One move of the name to the other service, and one start of the bare binary, right after each other. */
export interface Pair {
  readonly applyMs: number;
  readonly floorMs: number;
}

export interface MoveFigures {
  readonly pairs: readonly Pair[];
  readonly applyMs: number;
  readonly floorMs: number;
}

interface MoveOptions {
  readonly client: SupervisorClient;
  readonly offline: Offline;
  readonly visitors: Visitors;
  readonly hostname: string;
  /** Where it goes, in turns. */
  readonly origins: readonly [Origin, Origin];
  readonly home: string;
  readonly narrator: Narrator;
}

const PAIRS = 5;
const ANSWER_DEADLINE_MS = 90_000;
/** cloudflared waits so long for a resolver that swallows packets; with one like that, a single pair must do. */
const SLOW_START_MS = 10_000;
/** All connections of a connector are there after about two seconds; then the next one may come. */
const SETTLE_DEADLINE_MS = 60_000;

/** Moves the name to and fro under load, with a floor measured between the moves. */
export async function measureMoves(options: MoveOptions): Promise<MoveFigures> {
  const { narrator, origins } = options;
  const tunnel = await options.offline.createTunnel('floor');
  const pairs: Pair[] = [];
  while (pairs.length < PAIRS) {
    const floorMs = await measureFloor({ offline: options.offline, dir: join(options.home, 'floor'), tunnel });
    await settle(options.client);
    const target = origins[pairs.length % 2 === 0 ? 0 : 1];
    const applyMs = await narrator.step(`Move ${options.hostname} to ${target.url} under load`, async () => await moveOnce(options, target), (ms) =>
      `the new service answered after ${String(Math.round(ms))} ms; the bare binary took ${String(Math.round(floorMs))} ms to be ready`);
    pairs.push({ applyMs, floorMs });
    if (floorMs > SLOW_START_MS) {
      narrator.say(`  The resolver of this machine does not answer, so each start takes ${String(Math.round(floorMs / 1000))} s: one move is measured, not ${String(PAIRS)}.`);
      break;
    }
  }
  return {
    pairs,
    applyMs: median(pairs.map((pair) => pair.applyMs)) ?? 0,
    floorMs: median(pairs.map((pair) => pair.floorMs)) ?? 0,
  };
}

async function moveOnce({ client, visitors, hostname }: MoveOptions, target: Origin): Promise<number> {
  const watch = new AbortController();
  const events = client.events({ signal: watch.signal });
  try {
    await events.next();
    const answeredAt = visitors.until(hostname, (answer) => answer.kind === 'answered' && answer.body === wholeBody(target.name), ANSWER_DEADLINE_MS, watch.signal);
    const [, firstAnswerAt] = await Promise.all([client.addRule({ hostname, destination: target.url }), answeredAt]);
    for await (const event of events) {
      if (event.type === 'forwarding.accepted') return firstAnswerAt - Date.parse(event.at);
    }
    throw new Error('the daemon did not say that it accepted the change');
  } finally {
    watch.abort();
  }
}

/** Waits until one connector serves, with all its connections. */
async function settle(client: SupervisorClient): Promise<void> {
  const deadline = systemClock.monotonic() + SETTLE_DEADLINE_MS;
  for (;;) {
    const { connectors } = await client.status();
    const serving = connectors.filter((connector) => connector.state !== 'stopped');
    if (serving.length === 1 && serving.every((connector) => connector.state === 'ready' && connector.connections >= 4)) return;
    if (systemClock.monotonic() > deadline) throw new Error(`the connectors did not settle: ${JSON.stringify(connectors)}`);
    await systemClock.sleep(50);
  }
}
