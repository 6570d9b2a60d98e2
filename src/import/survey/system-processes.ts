import { readFileSync, statSync } from 'node:fs';
import { listProcesses } from '../../host/process-table.js';
import { findProgram } from '../parse/invocation.js';
import type { SurveyProcess } from './ports.js';

/** Processes in whose command line cloudflared stands, and their parents. */
export function listSurveyProcesses(): readonly SurveyProcess[] {
  const all = listProcesses();
  const wanted = new Set(all.filter(({ argv }) => findProgram(argv) !== undefined).flatMap(({ pid, ppid }) => [pid, ppid]));
  return all.filter(({ pid }) => wanted.has(pid)).flatMap((entry) => {
    const uid = readUid(entry.pid);
    if (uid === undefined) return [];
    const { pid, ppid, argv, startTime } = entry;
    return { pid, ppid, argv, startTime, uid, isNested: isNested(pid), cgroup: readCgroup(pid) };
  });
}

/** Undefined where it has ended meanwhile. */
function readUid(pid: number): number | undefined {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
}

/** In a process namespace below ours, as in a container. */
function isNested(pid: number): boolean {
  try {
    return /^NSpid:\s*\d+\s+\d/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false; // Ended.
  }
}

/** Of our own process too: what both are in is no container to either. */
export function readCgroup(pid: number | 'self'): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  } catch {
    return ''; // Ended, or hidden.
  }
}
