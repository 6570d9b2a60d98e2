import { join } from 'node:path';
import { systemClock } from '../core/clock.js';
import { startBareConnector } from '../measure/bare-connector.js';
import { Load } from '../measure/load.js';
import { moveOnce, settle } from '../measure/move.js';
import type { Origin } from '../measure/origin.js';
import { toFigure, type Figure } from './figure.js';
import { ZONE, type Stage } from './stage.js';

const RUNS = 7;
/** Longer than the slow and the streamed requests take: they are in flight when the change comes. */
const LEAD_MS = 2_300;
const TAIL_MS = 500;
const RIVAL_HOSTNAME = `rival.${ZONE}`;

/** Requests lost in a change, beside a plain restart; and how long the change takes, beside the floor. */
export async function measureChanges(stage: Stage, perSecond: number, tell: (text: string) => void): Promise<readonly Figure[]> {
  const rival = await prepareRival(stage, perSecond);
  const lost: number[] = [];
  const rivalLost: number[] = [];
  const applyMs: number[] = [];
  const floorMs: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    tell(`change ${String(run + 1)} of ${String(RUNS)} at ${String(perSecond)} requests a second`);
    await settle(stage.client);
    const target = await otherOrigin(stage);
    lost.push(await countLost(stage, stage.hostname, perSecond, async (load) => {
      floorMs.push(await stage.floor());
      applyMs.push(await moveOnce({ ...stage, load, target }));
    }));
    rivalLost.push(await countLost(stage, RIVAL_HOSTNAME, perSecond, () => rival.restart(target)));
  }
  await rival.stop();
  return [
    toFigure({ name: `requests lost in a change at ${String(perSecond)}/s (plain restart beside)`, unit: 'requests', values: lost, beside: rivalLost, target: { kind: 'value', atMost: 0 } }),
    toFigure({ name: `accepted change to first answer by the new rule at ${String(perSecond)}/s`, unit: 'ms', values: applyMs, beside: floorMs, target: { kind: 'ratio', atMost: 1.35 } }),
  ];
}

async function countLost({ visitors, origins }: Stage, hostname: string, perSecond: number, change: (load: Load) => Promise<void>): Promise<number> {
  const load = new Load(visitors, { hostname, perSecond, origins: origins.map(({ name }) => name) });
  await systemClock.sleep(LEAD_MS);
  try {
    await change(load);
    await systemClock.sleep(TAIL_MS);
  } finally {
    await load.stop();
  }
  return load.lost;
}

/** The service to which the name does not lead now. */
async function otherOrigin({ client, hostname, origins }: Stage): Promise<Origin> {
  const { rules } = await client.status();
  const destination = rules.find((rule) => rule.hostname === hostname)?.destination;
  return destination === origins[0].url ? origins[1] : origins[0];
}

interface Rival {
  restart(target: Origin): Promise<void>;
  stop(): Promise<void>;
}

/** What one does without us: stop, wait, start. */
async function prepareRival(stage: Stage, perSecond: number): Promise<Rival> {
  const tunnel = await stage.createTunnel(`rival-${String(perSecond)}`);
  await stage.offline.control.putRecord({ zone: ZONE, name: RIVAL_HOSTNAME, type: 'CNAME', content: `${tunnel.id}.cfargotunnel.com` });
  const start = async (target: Origin) => await startBareConnector({ offline: stage.offline, dir: join(stage.home, 'rival'), tunnel, service: target.url, signal: stage.closed });
  let connector = await start(stage.origins[0]);
  const stop = async (): Promise<void> => await connector.end('SIGKILL');
  stage.defer(stop);
  return {
    restart: async (target) => {
      await connector.end('SIGTERM');
      connector = await start(target);
    },
    stop,
  };
}
