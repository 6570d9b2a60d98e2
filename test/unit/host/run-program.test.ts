import { describe, expect, test } from 'vitest';
import { SYSTEM_PATH } from '../../../src/host/child-environment.js';
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

  test('ends what says too much', async () => {
    const result = await runProgram(['sh', '-c', 'yes'], { env: ENV, timeoutMs: 20_000 });
    expect(result.exitCode).not.toBe(0);
    expect(result.timedOut).toBe(false);
    expect(result.stdout.length).toBeLessThanOrEqual(4_000_000);
  });
});
