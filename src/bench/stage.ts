import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type SupervisorClient } from '../api/client.js';
import { measureFloor } from '../measure/bare-connector.js';
import { startOffline, type Offline } from '../measure/offline.js';
import { startOrigin, wholeBody, type Origin } from '../measure/origin.js';
import { Program } from '../measure/program.js';
import { Visitors } from '../measure/visitor.js';
import type { CreatedTunnel } from '../sandbox/control-client.js';

/** Everything that figures are measured on: a sandbox, a daemon with a domain, a published name and visitors. */
export interface Stage {
  readonly offline: Offline;
  readonly home: string;
  readonly client: SupervisorClient;
  readonly visitors: Visitors;
  readonly origins: readonly [Origin, Origin];
  readonly hostname: string;
  /** The daemon's process. */
  pid(): number;
  /** SIGKILL, and the next one: resolves when it serves. */
  restartDaemon(): Promise<void>;
  floor(): Promise<number>;
  createTunnel(name: string): Promise<CreatedTunnel>;
  /** Aborted when it is closed: nothing is to be started then, and what was must end. */
  readonly closed: AbortSignal;
  /** Something more to stop when all is over. */
  defer(stop: () => Promise<unknown>): void;
  close(): Promise<void>;
}

export const ZONE = 'example.com';
const HOSTNAME = `app.${ZONE}`;
const STOP_TIMEOUT_MS = 40_000;
const ANSWER_DEADLINE_MS = 60_000;

export async function openStage(): Promise<Stage> {
  /** What has to be undone, newest first; also where not all of it could be set up. */
  const closers: (() => Promise<unknown>)[] = [];
  const closing = new AbortController();
  const close = async (): Promise<void> => {
    closing.abort(new Error('the stage is closed'));
    const failures: unknown[] = [];
    for (const undo of closers.splice(0).reverse()) await undo().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'not everything could be stopped and removed');
  };
  try {
    return await setStage(closers, close, closing.signal);
  } catch (error) {
    await close();
    throw error;
  }
}

async function setStage(closers: (() => Promise<unknown>)[], close: () => Promise<void>, closed: AbortSignal): Promise<Stage> {
  const home = await mkdtemp(join(tmpdir(), 'cloudflared-supervisor-bench-'));
  closers.push(async () => await rm(home, { recursive: true, force: true }));
  const offline = await startOffline(home, ZONE);
  closers.push(async () => await offline.stop());
  let daemon = new Program(['run'], offline.environment);
  closers.push(async () => await daemon.stop(STOP_TIMEOUT_MS));
  await untilServing(daemon);
  await connect(offline);
  const origins = [await startOrigin('first'), await startOrigin('second')] as const;
  closers.push(async () => await Promise.all(origins.map(async (origin) => await origin.close())));
  const client = createClient({ socketPath: offline.socketPath });
  const visitors = new Visitors(offline.visitors);
  closers.push(() => Promise.resolve(visitors.close()));
  await client.addRule({ hostname: HOSTNAME, destination: origins[0].url });
  await visitors.until(HOSTNAME, (answer) => answer.kind === 'answered' && answer.body === wholeBody(origins[0].name), ANSWER_DEADLINE_MS);
  const floorTunnel = await offline.createTunnel('floor');
  return {
    offline, home, client, visitors, origins, close, closed,
    hostname: HOSTNAME,
    pid: () => daemon.pid,
    restartDaemon: async () => {
      await daemon.kill();
      closed.throwIfAborted();
      daemon = new Program(['run'], offline.environment);
      await untilServing(daemon);
    },
    floor: async () => await measureFloor({ offline, dir: join(home, 'floor'), tunnel: floorTunnel }),
    createTunnel: async (name) => await offline.createTunnel(name),
    defer: (stop) => closers.push(stop),
  };
}

async function untilServing(daemon: Program): Promise<void> {
  await daemon.line((line) => line['event'] === 'daemon.ready');
}

async function connect(offline: Offline): Promise<void> {
  const setup = new Program(['setup', '--json'], offline.environment);
  const issued = await setup.line((line) => line['type'] === 'login.url-issued');
  await offline.control.authorise({ login: (issued['data'] as { url: string }).url, zone: ZONE });
  await setup.finish();
}
