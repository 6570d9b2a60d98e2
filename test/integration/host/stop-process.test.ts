import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { readProcess } from '../../../src/host/process-table.js';
import { killTree, signalGroup, signalProcess, waitForEnd } from '../../../src/host/stop-process.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

/** A child with a child in its own group and one that escaped it; says their pids when its handlers are in place. */
const FAMILY = `
  const { spawn } = require('node:child_process');
  if (process.argv[1] === 'stubborn') process.on('SIGTERM', () => {});
  const inGroup = spawn('sleep', ['60'], { stdio: 'ignore' });
  const escaped = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
  console.log(JSON.stringify([inGroup.pid, escaped.pid]));
  setInterval(() => {}, 1000);
`;

interface Family {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly inGroup: number;
  readonly escaped: number;
}

async function startFamily(kind: 'stubborn' | 'obedient'): Promise<Family> {
  const child = spawn(process.execPath, ['-e', FAMILY, kind], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const [inGroup = 0, escaped = 0] = JSON.parse(line.toString()) as number[];
  onTestFinished(() => {
    for (const pid of [child.pid ?? 0, inGroup, escaped]) if (readProcess(pid) !== undefined) process.kill(pid, 'SIGKILL');
  });
  return { child, pid: child.pid ?? 0, inGroup, escaped };
}

describe('processes that are not our children', () => {
  test('are signalled by pid and start time together', async () => {
    const { escaped } = await startFamily('obedient');
    const startTime = readProcess(escaped)?.startTime ?? '';
    expect(signalProcess({ pid: escaped, startTime: '1' }, 'SIGKILL')).toBe(false);
    expect(await waitForEnd({ pid: escaped, startTime }, 30)).toBe(false);
    expect(signalProcess({ pid: escaped, startTime }, 'SIGKILL')).toBe(true);
    expect(await waitForEnd({ pid: escaped, startTime }, 5_000)).toBe(true);
  });

  test('a group that is gone gets nothing', async () => {
    const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
    await once(child, 'spawn');
    expect(signalGroup(child.pid ?? 0, 'SIGKILL')).toBe(true);
    await once(child, 'exit');
    expect(signalGroup(child.pid ?? 0, 'SIGKILL')).toBe(false);
  });

  test.each([0, 1, -1, Number.NaN])('%d is nobody to signal', (pid) => {
    expect(() => signalGroup(pid, 'SIGTERM')).toThrow(RangeError);
  });
});

/** busybox-like: it does not know the options, and says so with code 1. */
const USELESS_PS = '#!/bin/sh\necho "ps: unrecognized option: no-headers" >&2\nexit 1\n';
const ROOT_ONLY_PS = '#!/bin/sh\nexit 0\n';

describe.each([
  ['the ps of this machine', undefined],
  ['no ps', ''],
  ['a ps that does not know the options', USELESS_PS],
  ['a ps that answers nothing', ROOT_ONLY_PS],
])('killTree with %s', (_name, ps) => {
  const path = process.env['PATH'];
  beforeEach(() => {
    if (ps === undefined) return;
    const directory = join(tempDirectory(), 'bin');
    mkdirSync(directory);
    symlinkSync(spawnSync('which', ['sleep'], { encoding: 'utf8' }).stdout.trim(), join(directory, 'sleep'));
    if (ps !== '') {
      writeFileSync(join(directory, 'ps'), ps);
      chmodSync(join(directory, 'ps'), 0o755);
    }
    process.env['PATH'] = directory;
  });
  afterEach(() => {
    process.env['PATH'] = path;
  });

  test('kills the child, its group and what escaped', async () => {
    const { child, inGroup, escaped } = await startFamily('stubborn');
    const exited = once(child, 'exit');
    await killTree(child.pid ?? 0);
    await exited;
    await expect.poll(() => [readProcess(inGroup), readProcess(escaped)]).toEqual([undefined, undefined]);
  });
});
