import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { readMemoryKills } from '../../../src/cloudflared/memory-kills.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

function root(files: Readonly<Record<string, string>>): string {
  const directory = tempDirectory();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  return directory;
}

test('the victims of our cgroup, of either version; else of the machine; else nobody knows', async () => {
  const events = 'low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 0\n';
  expect(await readMemoryKills(root({ 'proc/self/cgroup': '0::/user.slice\n', 'sys/fs/cgroup/user.slice/memory.events': events, 'proc/vmstat': 'oom_kill 40\n' }))).toBe(2);
  expect(await readMemoryKills(root({ 'proc/self/cgroup': '7:memory,cpu:/docker/x\n0::/\n', 'sys/fs/cgroup/memory/docker/x/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 5\n' }))).toBe(5);
  expect(await readMemoryKills(root({ 'proc/self/cgroup': '0::/\n', 'proc/vmstat': 'nr_free_pages 1\noom_kill 40\n' }))).toBe(40);
  expect(await readMemoryKills(root({}))).toBeUndefined();
});

test('this machine says something or nothing, and nothing is thrown', async () => {
  expect(['number', 'undefined']).toContain(typeof await readMemoryKills());
});
