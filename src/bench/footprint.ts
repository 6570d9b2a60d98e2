import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { systemClock } from '../core/clock.js';
import { settle } from '../measure/move.js';
import { toFigure, type Figure } from './figure.js';
import type { Stage } from './stage.js';

const RUNS = 7;
const SAMPLE_GAP_MS = 300;
const CHANGES = 1_000;
const IDLE_MS = 60_000;
/** USER_HZ: what /proc counts CPU time in, on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Memory of the daemon when it has nothing to do, beside a bare `node` that has nothing to do; MB resident. */
export async function measureIdleMemory(stage: Stage, tell: (text: string) => void): Promise<Figure> {
  tell('memory of the idle daemon');
  await settle(stage.client);
  const bare = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1 << 30)'], { stdio: 'ignore' });
  const values: number[] = [];
  const beside: number[] = [];
  try {
    for (let run = 0; run < RUNS; run += 1) {
      await systemClock.sleep(SAMPLE_GAP_MS);
      values.push(await residentMb(stage.pid()));
      beside.push(await residentMb(bare.pid ?? 0));
    }
  } finally {
    bare.kill('SIGKILL');
  }
  return toFigure({ name: "the idle supervisor's memory (bare node beside)", unit: 'MB', values, beside, target: { kind: 'ratio', atMost: 2 } });
}

/** How much the daemon's memory has grown after a thousand changes, percent of what it was after the first ones. */
export async function measureMemoryGrowth(stage: Stage, tell: (text: string) => void): Promise<Figure> {
  const change = async (index: number): Promise<void> => {
    const target = stage.origins[index % 2];
    if (target === undefined) throw new Error('there are two origins');
    await stage.client.addRule({ hostname: stage.hostname, destination: target.url });
  };
  // What the first changes load and compile stays; growth is what comes after.
  for (let index = 0; index < CHANGES / 20; index += 1) await change(index);
  const before = await residentMb(stage.pid());
  for (let index = 0; index < CHANGES; index += 1) {
    if (index % 10 === 0) tell(`change ${String(index)} of ${String(CHANGES)}`);
    await change(index);
  }
  await settle(stage.client);
  const growth = Math.max(0, ((await residentMb(stage.pid())) / before - 1) * 100);
  return toFigure({ name: `the supervisor's growth after ${String(CHANGES)} changes`, unit: '%', values: [growth], target: { kind: 'value', atMost: 10 } });
}

/** CPU time of the idle daemon, percent of one core. */
export async function measureIdleCpu(stage: Stage, tell: (text: string) => void): Promise<Figure> {
  tell('CPU over 60 idle seconds');
  await settle(stage.client);
  const before = await cpuTicks(stage.pid());
  await systemClock.sleep(IDLE_MS);
  const used = (await cpuTicks(stage.pid())) - before;
  return toFigure({ name: 'CPU over 60 idle seconds', unit: '%', values: [(used / TICKS_PER_SECOND / (IDLE_MS / 1000)) * 100], target: { kind: 'value', atMost: 0.1 } });
}

async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 1024;
}

async function cpuTicks(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
