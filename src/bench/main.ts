#!/usr/bin/env node
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { measureChanges } from './changes.js';
import { measureConnectorDeaths, measureSupervisorDeaths } from './deaths.js';
import { toTable, type Figure } from './figure.js';
import { measureIdleCpu, measureIdleMemory, measureMemoryGrowth } from './footprint.js';
import { measureRuleShare } from './rule-share.js';
import { openStage, type Stage } from './stage.js';
import { measureDaemonStart, measureStatus } from './start-times.js';

/**
 * `npm run bench [-- --json FILE] [-- --only WORD]`: every figure beside its floor or its rival of the same run. On the
 * real cloudflared where one is given or on PATH, else on the stand-in.
 */
const { values } = parseArgs({ options: { json: { type: 'string' }, only: { type: 'string' } } });

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
if (chosen.length === 0) throw new Error(`--only must name one of ${Object.keys(MEASURES).join(', ')}`);

const stage = await openStage();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void stage.close().finally(() => process.exit(130));
  });
}
const figures: Figure[] = [];
try {
  for (const [, measure] of chosen) figures.push(...[await measure(stage, tell)].flat());
} finally {
  await stage.close();
}
if (process.stderr.isTTY) process.stderr.write('\r\u{1b}[K');
const { kind, version } = stage.offline.cloudflared;
process.stdout.write(`cloudflared ${version} (${kind}), node ${process.version}, ${String(cpus().length)} CPUs\n\n${toTable(figures)}\n`);
if (values.json !== undefined) {
  const report = { figures, cloudflared: { kind, version }, node: process.version, cpus: cpus().length };
  await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
}
