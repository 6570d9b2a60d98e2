import { readFileSync, readdirSync } from 'node:fs';
import { errnoOf } from './storage-error.js';

/** One process, as /proc shows it. Never asks `ps`: Debian slim has none, and busybox's cannot answer. */
export interface ProcessEntry {
  readonly pid: number;
  readonly ppid: number;
  readonly processGroup: number;
  /** Empty for kernel threads. */
  readonly argv: readonly string[];
  /** Clock ticks since boot, as text. With the pid and the boot id it names a process for ever: pids repeat. */
  readonly startTime: string;
  /** The letter of /proc: `R`, `S`, `D`, `T`, … */
  readonly state: string;
}

/**
 * Undefined where there is no such process. A zombie is gone: it runs nothing and holds nothing. One that cannot be read
 * (no descriptor is left, `hidepid`) is there all the same, with an unknown start time (empty).
 */
export function readProcess(pid: number): ProcessEntry | undefined {
  if (process.platform !== 'linux') return signalProbe(pid);
  try {
    const stat = parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return undefined;
    return { pid, ...stat, argv: readArgv(pid) };
  } catch (error) {
    // It ended, before or while we read.
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return undefined;
    return signalProbe(pid);
  }
}

/** There is somebody of this pid, and that is all we learn; on macOS (for development, untested) always. */
function signalProbe(pid: number): ProcessEntry | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') return undefined;
  }
  return { pid, ppid: 0, processGroup: 0, argv: [], startTime: '', state: 'S' };
}

/** Every process that `accept` takes, by ascending pid. */
export function listProcesses(accept: (entry: ProcessEntry) => boolean = () => true): readonly ProcessEntry[] {
  return readPids().flatMap((pid) => {
    const entry = readProcess(pid);
    return entry !== undefined && accept(entry) ? [entry] : [];
  });
}

/** Whether this very process, and no later one of the same pid, runs. Where that cannot be read, anybody of the pid is it. */
export function isRunning({ pid, startTime }: { readonly pid: number; readonly startTime: string }): boolean {
  const entry = readProcess(pid);
  return entry !== undefined && (entry.startTime === startTime || entry.startTime === '');
}

/** The process and all that descend from it now, parents first. Who lost their parent is not found. */
export function listTree(root: number): readonly ProcessEntry[] {
  const all = listProcesses();
  const tree = all.filter((entry) => entry.pid === root);
  for (const parent of tree) tree.push(...all.filter((entry) => entry.ppid === parent.pid && !tree.includes(entry)));
  return tree;
}

/** Changes with every boot; undefined where there is no /proc. Containers have the one of their host. */
export function bootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return undefined; // macOS, or a hardened /proc.
  }
}

/** The environment that a process was started with. */
export function readEnviron(pid: number): Readonly<Record<string, string>> {
  const pairs = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter((pair) => pair.includes('='));
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

function readPids(): readonly number[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).sort((a, b) => a - b);
  } catch {
    return []; // No /proc: nothing can be found.
  }
}

/** A name in parentheses may itself hold blanks and parentheses, so fields are counted from the last one. */
export function parseStat(text: string): Pick<ProcessEntry, 'ppid' | 'processGroup' | 'startTime' | 'state'> | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).trimEnd().split(' ');
  const [state, ppid, processGroup] = fields;
  const startTime = fields[19];
  if (state === undefined || ppid === undefined || processGroup === undefined || startTime === undefined) return undefined;
  return { state, ppid: Number(ppid), processGroup: Number(processGroup), startTime };
}

function readArgv(pid: number): readonly string[] {
  const text = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  return text === '' ? [] : text.replace(/\0$/, '').split('\0');
}
