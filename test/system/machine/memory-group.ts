import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lack } from './requirements.js';

/** A control group that holds so much memory and no more, of either version. */
export interface MemoryGroup {
  /** Whoever writes its pid into this file is in it, and so is whoever it starts. */
  readonly procs: string;
  /** When everybody in it has ended. */
  close(): void;
}

const VERSION_1 = '/sys/fs/cgroup/memory';
const VERSION_2 = '/sys/fs/cgroup';

let made = 0;

export function createMemoryGroup(maxBytes: number): MemoryGroup {
  const isVersion1 = existsSync(join(VERSION_1, 'memory.limit_in_bytes'));
  const directory = join(isVersion1 ? VERSION_1 : VERSION_2, `supervisor-test-${process.pid}-${(made += 1)}`);
  mkdirSync(directory);
  try {
    writeFileSync(join(directory, isVersion1 ? 'memory.limit_in_bytes' : 'memory.max'), String(maxBytes));
    const swap = join(directory, isVersion1 ? 'memory.swappiness' : 'memory.swap.max');
    if (existsSync(swap)) writeFileSync(swap, '0');
  } catch (error) {
    rmdirSync(directory);
    throw error;
  }
  return { procs: join(directory, 'cgroup.procs'), close: () => rmdirSync(directory) };
}

/** As root outside of a container there is nearly always a way. */
export function lacksForMemoryGroup(): Lack {
  if (process.geteuid?.() !== 0) return 'needs root';
  try {
    if (!existsSync(join(VERSION_1, 'memory.limit_in_bytes')) && !readFileSync(join(VERSION_2, 'cgroup.subtree_control'), 'utf8').includes('memory')) return 'control groups for memory are not to be had here';
    createMemoryGroup(64 * 1024 * 1024).close();
    return undefined;
  } catch (error) {
    return `no control group for memory can be made here: ${String(error)}`;
  }
}
