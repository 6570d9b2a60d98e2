import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { SYSTEM_PATH } from '../../../src/host/child-environment.js';
import { listProcesses } from '../../../src/host/process-table.js';
import { runProgram } from '../../../src/host/run-program.js';

const ENV = { PATH: SYSTEM_PATH };

describe('runProgram', () => {
  test('gives what was said, whole, and the exit code', async () => {
    expect(await runProgram(['sh', '-c', 'echo out; echo err >&2; exit 3'], { env: ENV, timeoutMs: 5_000 })).toEqual({
      stdout: 'out\n', stderr: 'err\n', exitCode: 3, signal: undefined, startError: undefined, timedOut: false, leftRunning: undefined,
    });
  });

  test('hands over input, and nothing of our environment', async () => {
    expect((await runProgram(['cat'], { env: ENV, timeoutMs: 5_000, input: 'in' })).stdout).toBe('in');
    expect((await runProgram(['env'], { env: { PATH: SYSTEM_PATH, ONE: '1' }, timeoutMs: 5_000 })).stdout.split('\n').filter((line) => line !== '' && !line.startsWith('PWD=')).sort()).toEqual(['ONE=1', `PATH=${SYSTEM_PATH}`]);
  });

  test('without input there is none to wait for', async () => {
    expect(await runProgram(['cat'], { env: ENV, timeoutMs: 5_000 })).toMatchObject({ exitCode: 0, stdout: '' });
  });

  test('tells a program that is missing from one that fails', async () => {
    expect(await runProgram(['/nonexistent/program'], { env: ENV, timeoutMs: 5_000 })).toMatchObject({ startError: 'ENOENT', exitCode: undefined });
    expect(await runProgram(['/etc/passwd'], { env: ENV, timeoutMs: 5_000 })).toMatchObject({ startError: 'EACCES', exitCode: undefined });
    expect(await runProgram(['sh', '-c', 'kill -9 $$'], { env: ENV, timeoutMs: 5_000 })).toMatchObject({ signal: 'SIGKILL', startError: undefined, timedOut: false });
  });

  test('ends what is overdue, and all of its group', async () => {
    expect(await runProgram(['sh', '-c', 'sleep 60 & wait'], { env: ENV, timeoutMs: 50 })).toMatchObject({ timedOut: true, leftRunning: undefined });
  });

  test('ends what is no longer wanted, and all of its group, and says why', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'run-program-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const cancel = new AbortController();
    const running = runProgram(['sh', '-c', 'sleep 60 & echo $! > pid; wait'], { env: ENV, timeoutMs: 60_000, cwd: directory, signal: cancel.signal });
    await expect.poll(() => readFile(join(directory, 'pid'), 'utf8').catch(() => ''), { timeout: 10_000 }).toMatch(/^\d+\n$/);
    const pid = Number(await readFile(join(directory, 'pid'), 'utf8'));
    cancel.abort(new Error('no longer wanted'));
    await expect(running).rejects.toThrow('no longer wanted');
    await expect.poll(() => listProcesses((entry) => entry.pid === pid && entry.argv[0] === 'sleep')).toEqual([]);
  });

  test('starts nothing that is not wanted any more', async () => {
    await expect(runProgram(['/nonexistent/program'], { env: ENV, timeoutMs: 5_000, signal: AbortSignal.abort(new Error('never was')) })).rejects.toThrow('never was');
  });

  test('ends what says too much', async () => {
    const result = await runProgram(['sh', '-c', 'yes'], { env: ENV, timeoutMs: 20_000 });
    expect(result.exitCode).not.toBe(0);
    expect(result.timedOut).toBe(false);
    expect(result.stdout.length).toBeLessThanOrEqual(4_000_000);
  });
});
