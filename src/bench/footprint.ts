import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { systemClock } from '../core/clock.js';
import { settle } from '../measure/move.js';
import { toFigure, type Figure } from './figure.js';
import type { Stage } from './stage.js';

const RUNS = 7;
const SAMPLE_GAP_MS = 300;
const CHANGES = 1_000;
const IDLE_MS = 60_000;
const WINDOW_GAP_MS = 10_000;
/** From the last change until the daemon has given back what it used for it, and its connectors have all their connections. */
const REST_MS = 15_000;

/** Memory of the daemon when it has nothing to do, beside a bare `node` that has nothing to do; MB resident. */
export async function measureIdleMemory(stage: Stage, tell: (text: string) => void): Promise<Figure> {
  tell('memory of the idle daemon');
  const bare = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1 << 30)'], { stdio: 'ignore' });
  stage.closed.addEventListener('abort', () => bare.kill('SIGKILL'));
  try {
    const samples = await sampleIdle(stage, stage.pid(), bare.pid ?? 0);
    const values = samples.filter((_, index) => index % 2 === 0);
    const beside = samples.filter((_, index) => index % 2 === 1);
    return toFigure({ name: "the idle supervisor's memory (bare node beside)", unit: 'MB', values, beside, target: { kind: 'ratio', atMost: 2 } });
  } finally {
    bare.kill('SIGKILL');
  }
}

/** How much larger the idle daemon is after a thousand changes, percent. */
export async function measureMemoryGrowth(stage: Stage, tell: (text: string) => void): Promise<Figure> {
  const before = await sampleIdle(stage, stage.pid());
  for (let index = 1; index <= CHANGES; index += 1) {
    if (index % 10 === 0) tell(`change ${String(index)} of ${String(CHANGES)}`);
    const target = stage.origins[index % 2];
    if (target === undefined) throw new Error('there are two origins');
    await stage.client.addRule({ hostname: stage.hostname, destination: target.url });
  }
  const after = await sampleIdle(stage, stage.pid());
  const growth = after.map((mb, run) => (mb / (before[run] ?? mb) - 1) * 100);
  return toFigure({ name: `the supervisor's growth after ${String(CHANGES)} changes`, unit: '%', values: growth, target: { kind: 'value', atMost: 10 } });
}

/** Memory, MB, a few times, once there has been nothing to do for a while. */
async function sampleIdle(stage: Stage, ...pids: readonly number[]): Promise<number[]> {
  await settle(stage.client);
  await systemClock.sleep(REST_MS);
  const samples: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    await systemClock.sleep(SAMPLE_GAP_MS);
    for (const pid of pids) samples.push(await residentMb(pid));
  }
  return samples;
}

/** CPU time of the idle daemon in 60 seconds, percent of one core: seven windows, each ten seconds after the other. */
export async function measureIdleCpu(stage: Stage, tell: (text: string) => void): Promise<Figure> {
  tell('CPU over 60 idle seconds');
  await settle(stage.client);
  await systemClock.sleep(REST_MS);
  const used: number[] = [];
  for (let sample = 0; sample < IDLE_MS / WINDOW_GAP_MS + RUNS; sample += 1) {
    if (sample > 0) await systemClock.sleep(WINDOW_GAP_MS);
    used.push(await cpuMs(stage.pid()));
  }
  const values = Array.from({ length: RUNS }, (_, run) => (((used[run + IDLE_MS / WINDOW_GAP_MS] ?? 0) - (used[run] ?? 0)) / IDLE_MS) * 100);
  return toFigure({ name: 'CPU over 60 idle seconds', unit: '%', values, target: { kind: 'value', atMost: 0.1 } });
}

async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 1024;
}

/** Of all its threads so far, to the nanosecond. */
async function cpuMs(pid: number): Promise<number> {
  const tasks = `/proc/${String(pid)}/task`;
  const times = await Promise.all((await readdir(tasks)).map(async (task) => Number((await readFile(`${tasks}/${task}/schedstat`, 'utf8')).split(' ')[0])));
  return times.reduce((sum, ns) => sum + ns, 0) / 1e6;
}
