#!/usr/bin/env node
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { measureChanges } from './changes.js';
import { measureConnectorDeaths, measureSupervisorDeaths } from './deaths.js';
import { toTable, type Figure } from './figure.js';
import { measureIdleCpu, measureIdleMemory, measureMemoryGrowth } from './footprint.js';
import { measureRuleShare } from './rule-share.js';
import { listenForInterruption } from '../measure/interruption.js';
import { readArguments, refuseArguments } from '../measure/read-arguments.js';
import { openStage, type Stage } from './stage.js';
import { measureDaemonStart, measureStatus } from './start-times.js';

/**
 * `npm run bench [-- --json FILE] [-- --only WORD]`: every figure beside its floor or its rival of the same run. On the
 * real cloudflared where one is given or on PATH, else on the stand-in.
 */
const USAGE = 'npm run bench -- [--json FILE] [--only WORD]';
const values = readArguments({ json: { type: 'string' }, only: { type: 'string' } }, USAGE);

type Measure = (stage: Stage, tell: (text: string) => void) => Promise<Figure | readonly Figure[]>;

const MEASURES: Readonly<Record<string, Measure>> = {
  memory: measureIdleMemory,
  cpu: measureIdleCpu,
  status: measureStatus,
  start: measureDaemonStart,
  'changes-200': async (stage, tell) => await measureChanges(stage, 200, tell),
  'changes-500': async (stage, tell) => await measureChanges(stage, 500, tell),
  connector: measureConnectorDeaths,
  supervisor: measureSupervisorDeaths,
  rules: measureRuleShare,
  growth: measureMemoryGrowth,
};

const tell = (text: string): void => {
  process.stderr.write(process.stderr.isTTY ? `\r\u{1b}[K${text}` : `${text}\n`);
};

const chosen = Object.entries(MEASURES).filter(([name]) => values.only === undefined || name.includes(values.only));
if (chosen.length === 0) refuseArguments(`--only must name one of ${Object.keys(MEASURES).join(', ')}`, USAGE);

const interruption = listenForInterruption();
// Once it is set, all of it is known: an interruption waits for that.
const stage = await openStage();
const interrupted = new Promise<never>((_resolve, reject) => {
  const interrupt = (): void => reject(interruption.signal.reason);
  interruption.signal.addEventListener('abort', interrupt);
  if (interruption.signal.aborted) interrupt();
});
const figures: Figure[] = [];
try {
  for (const [, measure] of chosen) figures.push(...[await Promise.race([interrupted, measure(stage, tell)])].flat());
} catch (error) {
  if (!interruption.signal.aborted) throw error;
} finally {
  await stage.close();
}
// What was measured may have something to wait for yet, and nobody waits for it.
if (interruption.signal.aborted) process.exit(interruption.exitCode());
if (process.stderr.isTTY) process.stderr.write('\r\u{1b}[K');
const { kind, version } = stage.offline.cloudflared;
process.stdout.write(`cloudflared ${version} (${kind}), node ${process.version}, ${String(cpus().length)} CPUs\n\n${toTable(figures)}\n`);
if (values.json !== undefined) {
  const report = { figures, cloudflared: { kind, version }, node: process.version, cpus: cpus().length };
  await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
}
