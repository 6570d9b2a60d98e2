import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtFile } from '../host/package-files.js';
import { Program } from '../measure/program.js';
import { toFigure, type Figure } from './figure.js';
import type { Stage } from './stage.js';

const RUNS = 15;
const COMMAND_LINE = builtFile('cli/main');

/** `status --json` on the command line, beside `node -e 0`. */
export async function measureStatus(stage: Stage, tell: (text: string) => void): Promise<Figure> {
  tell('status on the command line');
  const values: number[] = [];
  const beside: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    beside.push(await timeNode(['-e', '0'], process.env));
    values.push(await timeNode([COMMAND_LINE, 'status', '--json'], stage.offline.environment));
  }
  return toFigure({ name: 'status --json (node -e 0 beside)', unit: 'ms', values, beside, target: { kind: 'ratio', atMost: 4 } });
}

/** From spawn of the daemon until it says that its socket serves, beside `node -e 0`. */
export async function measureDaemonStart(stage: Stage, tell: (text: string) => void): Promise<Figure> {
  tell('start of the daemon');
  const values: number[] = [];
  const beside: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    beside.push(await timeNode(['-e', '0'], process.env));
    values.push(await timeDaemon(stage));
  }
  return toFigure({ name: 'daemon start to socket ready (node -e 0 beside)', unit: 'ms', values, beside, target: { kind: 'ratio', atMost: 6 } });
}

async function timeDaemon({ offline, closed }: Stage): Promise<number> {
  closed.throwIfAborted();
  const home = await mkdtemp(join(tmpdir(), 'cloudflared-supervisor-start-'));
  const startedAt = performance.now();
  const daemon = new Program(['run', '--base-dir', join(home, 'base'), '--state-dir', join(home, 'state')], offline.environment, closed);
  try {
    await daemon.line((line) => line['event'] === 'daemon.ready');
    return performance.now() - startedAt;
  } finally {
    await daemon.kill();
    await rm(home, { recursive: true, force: true });
  }
}

async function timeNode(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, args, { env: environment, stdio: 'ignore' });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`node ${args.join(' ')} ended with code ${String(code)}`);
  return performance.now() - startedAt;
}
