import { join } from 'node:path';
import type { SupervisorClient } from '../api/client.js';
import { measureFloor } from '../measure/bare-connector.js';
import type { Load } from '../measure/load.js';
import { median } from '../measure/median.js';
import { moveOnce, settle } from '../measure/move.js';
import type { Offline } from '../measure/offline.js';
import type { Origin } from '../measure/origin.js';
import type { Narrator } from './narrator.js';

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
  readonly load: Load;
  readonly hostname: string;
  /** Where it goes, in turns. */
  readonly origins: readonly [Origin, Origin];
  readonly home: string;
  readonly narrator: Narrator;
  /** Ends them early. */
  readonly signal: AbortSignal;
}

const PAIRS = 5;
/** cloudflared waits so long for a resolver that swallows packets; with one like that, a single pair must do. */
const SLOW_START_MS = 10_000;

/** Moves the name to and fro under load, with a floor measured between the moves. */
export async function measureMoves(options: MoveOptions): Promise<MoveFigures> {
  const { narrator, origins, signal } = options;
  const tunnel = await options.offline.createTunnel('floor');
  const pairs: Pair[] = [];
  while (pairs.length < PAIRS) {
    const floorMs = await measureFloor({ offline: options.offline, dir: join(options.home, 'floor'), tunnel, signal });
    await settle(options.client, signal);
    const target = origins[pairs.length % 2 === 0 ? 0 : 1];
    const applyMs = await narrator.step(`Move ${options.hostname} to ${target.url} under load`, async () => await moveOnce({ ...options, target }), (ms) =>
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
