import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chooseReplaceMode, readMemory } from '../../../src/daemon/replace-mode.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const MB = 1024 * 1024;
const memory = (freeMb: number | undefined, ...connectorMb: readonly number[]) => () => ({
  freeBytes: freeMb === undefined ? undefined : freeMb * MB,
  connectorBytes: connectorMb.map((megabytes) => megabytes * MB),
});

test.each([
  ['there is room', undefined, memory(500, 45), 'overlap', false],
  ['there is none', undefined, memory(50, 45), 'restart', true],
  ['the connector has grown with its rules', undefined, memory(500, 663), 'restart', true],
  ['nobody says how much is free', undefined, memory(undefined, 45), 'overlap', false],
  ['nothing runs yet', undefined, memory(10), 'overlap', false],
  ['the user said so, whatever the room', 'overlap', memory(1, 45), 'overlap', false],
  ['the user said so', 'restart', memory(500, 45), 'restart', false],
] as const)('%s', (_name, chosen, facts, mode, warned) => {
  const choice = chooseReplaceMode(chosen, facts);
  expect(choice.mode).toBe(mode);
  expect(choice.warning !== undefined).toBe(warned);
});

describe('what is free', () => {
  const machine = async (files: Readonly<Record<string, string>>): Promise<string> => {
    const root = tempDirectory();
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content);
    }
    return root;
  };
  const MEMINFO = 'MemTotal:  1000 kB\nMemAvailable:    800 kB\n';

  test.each<[string, Readonly<Record<string, string>>, number | undefined]>([
    ['of the machine', { 'proc/meminfo': MEMINFO }, 800 * 1024],
    ['of our cgroup, version 2', { 'proc/meminfo': MEMINFO, 'proc/self/cgroup': '0::/a\n', 'sys/fs/cgroup/a/memory.max': '5000\n', 'sys/fs/cgroup/a/memory.current': '3000\n' }, 2000],
    ['of our cgroup, version 1', { 'proc/meminfo': MEMINFO, 'proc/self/cgroup': '4:memory:/a\n', 'sys/fs/cgroup/memory/a/memory.limit_in_bytes': '5000\n', 'sys/fs/cgroup/memory/a/memory.usage_in_bytes': '3000\n' }, 2000],
    ['of the machine where the cgroup has no limit', { 'proc/meminfo': MEMINFO, 'proc/self/cgroup': '0::/a\n', 'sys/fs/cgroup/a/memory.max': 'max\n', 'sys/fs/cgroup/a/memory.current': '3000\n' }, 800 * 1024],
    ['where nobody says', {}, undefined],
  ])('%s', async (_name, files, expected) => {
    expect(readMemory([], await machine(files)).freeBytes).toBe(expected);
  });

  test('and what the connectors take; one that has ended takes nothing', async () => {
    const root = await machine({ 'proc/7/status': 'Name:\tcloudflared\nVmRSS:\t   39000 kB\n' });
    expect(readMemory([7, 8], root).connectorBytes).toEqual([39_000 * 1024]);
    expect(readMemory([process.pid]).connectorBytes[0]).toBeGreaterThan(MB);
  });
});
