import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const PROGRAM = join(import.meta.dirname, '../../fixtures/host/log-lines.mjs');

test('lines are JSON, out before the process is, and without secrets', () => {
  const { stdout, stderr } = spawnSync(process.execPath, [PROGRAM], { encoding: 'utf8' });
  const lines = stderr.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(stdout).toBe('');
  expect(lines).toEqual([
    { level: 'info', time: expect.stringMatching(/^\d{4}-.*Z$/) as string, apiToken: '[redacted]', nested: { tunnelSecret: '[redacted]' }, hostname: 'app.example.com', msg: 'said [redacted]' },
    { level: 'error', time: expect.any(String) as string, connector: 3, error: expect.objectContaining({ message: expect.stringContaining('failed with [redacted]') as string }) as object, msg: 'failed' },
    { level: 'error', time: expect.any(String) as string, error: { code: 'DISK_FULL', message: 'full', hint: '', problems: [] }, msg: 'as clients see it' },
  ]);
});

test('a reader of standard error that is gone does not matter', async () => {
  const child = spawn(process.execPath, [PROGRAM, 'closed'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  child.stderr.destroy();
  await once(child.stderr, 'close');
  child.stdin.end();
  expect((await once(child.stdout, 'data')).join('')).toBe('alive\n');
  expect(await exited).toEqual([0, null]);
});
