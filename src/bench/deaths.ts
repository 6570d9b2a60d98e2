import { systemClock } from '../core/clock.js';
import { Load } from '../measure/load.js';
import { settle } from '../measure/move.js';
import { toFigure, type Figure } from './figure.js';
import type { Stage } from './stage.js';

const RUNS = 7;
const PER_SECOND = 200;
const LEAD_MS = 2_300;
const ANSWER_DEADLINE_MS = 60_000;
/** At least so long between two kills: one that dies as soon as it serves is restarted later and later, on purpose. */
const KILL_GAP_MS = 6_000;

/** SIGKILL of the connector to the first answer, beside the floor, under the same load. */
export async function measureConnectorDeaths(stage: Stage, tell: (text: string) => void): Promise<Figure> {
  const recoveryMs: number[] = [];
  const floorMs: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    tell(`SIGKILL of the connector, ${String(run + 1)} of ${String(RUNS)}`);
    await settle(stage.client);
    const load = new Load(stage.visitors, { hostname: stage.hostname, perSecond: PER_SECOND, origins: stage.origins.map(({ name }) => name) });
    try {
      await systemClock.sleep(KILL_GAP_MS);
      floorMs.push(await stage.floor());
      recoveryMs.push(await killConnector(stage, load));
    } finally {
      await load.stop();
    }
  }
  return toFigure({ name: 'SIGKILL of the connector to first answer', unit: 'ms', values: recoveryMs, beside: floorMs, target: { kind: 'ratio', atMost: 1.35 } });
}

async function killConnector({ client }: Stage, load: Load): Promise<number> {
  const { connectors } = await client.status();
  const pids = connectors.flatMap(({ pid, state }) => (pid !== null && state === 'ready' ? [pid] : []));
  if (pids.length === 0) throw new Error('no connector is ready');
  const killedAt = Date.now();
  const lost = load.first(({ endedAt, answeredBy }) => endedAt >= killedAt && answeredBy === undefined, ANSWER_DEADLINE_MS);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  const { endedAt: lostAt } = await lost;
  const { endedAt } = await load.first(({ sentAt, answeredBy }) => sentAt >= lostAt && answeredBy !== undefined, ANSWER_DEADLINE_MS);
  return endedAt - killedAt;
}

/** Requests lost when the supervisor is killed and the next one takes over from its orphan. */
export async function measureSupervisorDeaths(stage: Stage, tell: (text: string) => void): Promise<Figure> {
  const lost: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    tell(`SIGKILL of the supervisor, ${String(run + 1)} of ${String(RUNS)}`);
    await settle(stage.client);
    const load = new Load(stage.visitors, { hostname: stage.hostname, perSecond: PER_SECOND, origins: stage.origins.map(({ name }) => name) });
    try {
      await systemClock.sleep(LEAD_MS);
      await stage.restartDaemon();
      await settle(stage.client);
    } finally {
      await load.stop();
    }
    lost.push(load.lost);
  }
  return toFigure({ name: 'requests lost when the supervisor is killed and takes over', unit: 'requests', values: lost, target: { kind: 'value', atMost: 0 } });
}
