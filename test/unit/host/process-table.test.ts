import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bootId, isRunning, listProcesses, listTree, parseStat, readEnviron, readProcess } from '../../../src/host/process-table.js';

describe('parseStat', () => {
  const tail = `S 17 42 42 0 -1 4194560 ${Array.from({ length: 12 }, () => '0').join(' ')} 987654321 1 2 3\n`;
  test.each(['1 (node) ', '1 (a b) ', '1 (a) S 1 (b)) ', '1 ()) '])('reads past the name in %j', (head) => {
    expect(parseStat(head + tail)).toEqual({ state: 'S', ppid: 17, processGroup: 42, startTime: '987654321' });
  });

  test.each(['', '1 (x) S 1', 'nonsense'])('%j is none', (text) => {
    expect(parseStat(text)).toBeUndefined();
  });
});

describe('/proc', () => {
  test('shows ourselves', () => {
    const self = readProcess(process.pid);
    expect(self).toMatchObject({ pid: process.pid, ppid: process.ppid });
    expect(self?.argv[0]).toContain('node');
    expect(self?.startTime).toMatch(/^\d+$/);
    expect(listProcesses(({ pid }) => pid === process.pid)).toHaveLength(1);
    expect(bootId()).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('keeps empty arguments, and those with line ends', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); process.stdout.write("up")', '--', '', 'two\nlines', ''], { env: { ONLY: 'a=b' } });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    expect(readProcess(child.pid ?? 0)?.argv.slice(3)).toEqual(['--', '', 'two\nlines', '']);
    expect(readEnviron(child.pid ?? 0)).toEqual({ ONLY: 'a=b' });
  });

  test('a zombie is gone, though a signal would reach it', async () => {
    // The shell becomes a program that never asks what its child ended with.
    const shell = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    onTestFinished(() => void shell.kill('SIGKILL'));
    const [line] = (await once(shell.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    await expect.poll(() => readProcess(shell.pid ?? 0)?.argv[0]).toBe('sleep');
    expect(readProcess(pid)).toMatchObject({ pid, ppid: shell.pid });
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => readProcess(pid)).toBeUndefined();
    expect(() => process.kill(pid, 0)).not.toThrow();
  });

  test('a pid that was never given is nobody', () => {
    expect(readProcess(2 ** 30)).toBeUndefined();
    expect(isRunning({ pid: process.pid, startTime: '1' })).toBe(false);
  });

  test('who cannot be read has not ended', () => {
    const program = join(import.meta.dirname, '../../fixtures/host/without-descriptors.mjs');
    const seen = execFileSync('sh', ['-c', 'ulimit -n 128; exec "$@"', 'sh', process.execPath, program], { encoding: 'utf8' });
    expect(JSON.parse(seen)).toEqual(['EMFILE', true, false]);
  });

  test('the tree holds descendants, in groups of their own too', async () => {
    const script = 'const c = require("child_process").spawn("sleep", ["60"], { detached: true, stdio: "ignore" }); console.log(c.pid); setInterval(() => {}, 1000)';
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const grandchild = Number(line.toString());
    onTestFinished(() => {
      process.kill(grandchild, 'SIGKILL');
      child.kill('SIGKILL');
    });
    expect(listTree(child.pid ?? 0).map(({ pid }) => pid)).toEqual([child.pid, grandchild]);
  });
});
