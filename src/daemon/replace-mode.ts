import { readFileSync } from 'node:fs';
import type { Warning } from '../core/dns.js';
import type { ReplaceMode } from '../forwarding/change.js';

export interface MemoryFacts {
  /** What may still be taken; undefined where nobody says. */
  readonly freeBytes: number | undefined;
  /** What the connectors that run take, each. */
  readonly connectorBytes: readonly number[];
}

/** A connector takes 39 MB at its start, and grows with its rules: as the one that runs did. */
const SMALLEST_CONNECTOR_BYTES = 40 * 1024 * 1024;
const SPARE_BYTES = 16 * 1024 * 1024;

/** Whether two connectors can run side by side. What the user chose counts; else memory does. Pure. */
export function chooseReplaceMode(chosen: ReplaceMode | undefined, memory: () => MemoryFacts): { readonly mode: ReplaceMode; readonly warning?: Warning } {
  if (chosen !== undefined) return { mode: chosen };
  const { freeBytes, connectorBytes } = memory();
  const needed = Math.max(SMALLEST_CONNECTOR_BYTES, ...connectorBytes) + SPARE_BYTES;
  if (freeBytes === undefined || connectorBytes.length === 0 || freeBytes >= needed) return { mode: 'overlap' };
  const inMegabytes = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MB`;
  return {
    mode: 'restart',
    warning: {
      code: 'REPLACED_BY_RESTART',
      message: `A second connector needs ${inMegabytes(needed)}, and ${inMegabytes(freeBytes)} are free: the connector was stopped before the new one was started, and requests in between were lost.`,
    },
  };
}

/** The tighter of what the machine and our cgroup leave. `root` is for tests. */
export function readMemory(connectorPids: readonly number[], root = ''): MemoryFacts {
  const bounds = [readAvailable(root), readCgroupFree(root)].filter((bytes) => bytes !== undefined);
  return {
    freeBytes: bounds.length === 0 ? undefined : Math.min(...bounds),
    connectorBytes: connectorPids.map((pid) => readResident(root, pid)).filter((bytes) => bytes !== undefined),
  };
}

const KILOBYTE = 1024;

function readAvailable(root: string): number | undefined {
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(readOrEmpty(`${root}/proc/meminfo`))?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * KILOBYTE;
}

function readResident(root: string, pid: number): number | undefined {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readOrEmpty(`${root}/proc/${pid}/status`))?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * KILOBYTE;
}

/** Version 2, else version 1; a limit of `max`, or a huge number, is none. */
function readCgroupFree(root: string): number | undefined {
  const groups = readOrEmpty(`${root}/proc/self/cgroup`).split('\n').map((line) => line.split(':'));
  const unified = groups.find(([id, controllers]) => id === '0' && controllers === '')?.[2];
  const memory = groups.find(([, controllers]) => controllers?.split(',').includes('memory'))?.[2];
  const free = [
    ...(unified === undefined ? [] : [readFree(`${root}/sys/fs/cgroup${unified}`, 'memory.max', 'memory.current')]),
    ...(memory === undefined ? [] : [readFree(`${root}/sys/fs/cgroup/memory${memory}`, 'memory.limit_in_bytes', 'memory.usage_in_bytes')]),
  ];
  return free.find((bytes) => bytes !== undefined);
}

function readFree(directory: string, limitFile: string, usageFile: string): number | undefined {
  const limit = readNumber(`${directory}/${limitFile}`);
  const usage = readNumber(`${directory}/${usageFile}`);
  return limit === undefined || usage === undefined || limit > Number.MAX_SAFE_INTEGER ? undefined : Math.max(0, limit - usage);
}

function readNumber(path: string): number | undefined {
  const text = readOrEmpty(path).trim();
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // Not there (another kernel, another version, a process that ended): nobody says.
  }
}
