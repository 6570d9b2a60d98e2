import { readFileSync, statSync } from 'node:fs';
import { listProcesses } from '../../host/process-table.js';
import { findProgram } from '../parse/invocation.js';
import type { SurveyProcess } from './ports.js';

/** Processes in whose command line cloudflared stands, and their parents. */
export function listSurveyProcesses(): readonly SurveyProcess[] {
  const all = listProcesses();
  const wanted = new Set(all.filter(({ argv }) => findProgram(argv) !== undefined).flatMap(({ pid, ppid }) => [pid, ppid]));
  const bootMs = readBootMs();
  return all.filter(({ pid }) => wanted.has(pid)).flatMap((entry) => {
    const uid = readUid(entry.pid);
    if (uid === undefined) return [];
    const { pid, ppid, argv, startTime } = entry;
    return { pid, ppid, argv, startTime, uid, cgroup: readCgroup(pid), startedAtMs: bootMs === undefined ? undefined : bootMs + Number(startTime) * MS_A_TICK };
  });
}

/** Linux has counted in hundredths of a second towards programs for as long as there is /proc. */
const MS_A_TICK = 10;

function readBootMs(): number | undefined {
  try {
    return Date.now() - Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1_000;
  } catch {
    return undefined; // No /proc.
  }
}

/** Undefined where it has ended meanwhile. */
function readUid(pid: number): number | undefined {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
}

/** Of our own process too: what both are in is no container to either. */
export function readCgroup(pid: number | 'self'): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  } catch {
    return ''; // Ended, or hidden.
  }
}
