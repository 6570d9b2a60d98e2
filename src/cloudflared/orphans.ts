import { readFileSync, readlinkSync } from 'node:fs';
import { listProcesses } from '../host/process-table.js';
import type { ProcessRef } from '../host/stop-process.js';
import { parseRunCommand } from './command-lines.js';

/** A connector of this base directory that is not our child: what a supervisor left that was killed, or handed over. */
export interface Orphan {
  readonly ref: ProcessRef;
  readonly revision: number;
  readonly metricsPort: number;
  /** Wall clock, ms; to the tick of the kernel's clock. */
  readonly startedAt: number;
  /** What it appends its log to, where that can be seen. */
  readonly logFile: string | undefined;
}

/** Oldest first. */
export function findOrphans(revisionsDir: string, isOurChild: (pid: number) => boolean): readonly Orphan[] {
  const found = listProcesses((entry) => !isOurChild(entry.pid) && entry.pid !== process.pid && parseRunCommand(entry.argv, revisionsDir) !== undefined);
  return found.flatMap((entry): Orphan[] => {
    const running = parseRunCommand(entry.argv, revisionsDir);
    if (running === undefined || !isOurs(entry.pid)) return [];
    const ref = { pid: entry.pid, startTime: entry.startTime };
    return [{ ref, ...running, startedAt: toWallClock(entry.startTime), logFile: readLogFile(entry.pid) }];
  }).sort((a, b) => Number(a.ref.startTime) - Number(b.ref.startTime) || a.ref.pid - b.ref.pid);
}

/** Another user's process may carry the same arguments; it is not ours to stop. */
function isOurs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // EPERM, or it has just ended.
  }
}

/** Linux has counted in hundredths of a second towards programs for as long as there is /proc. */
const TICKS_A_SECOND = 100;

function toWallClock(startTime: string): number {
  try {
    const upSeconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
    return Math.round(Date.now() - (upSeconds - Number(startTime) / TICKS_A_SECOND) * 1_000);
  } catch {
    return Date.now(); // No /proc: development elsewhere.
  }
}

function readLogFile(pid: number): string | undefined {
  try {
    const target = readlinkSync(`/proc/${pid}/fd/2`);
    return target.startsWith('/') && !target.endsWith(' (deleted)') ? target : undefined;
  } catch {
    return undefined; // Ended, or a hardened /proc.
  }
}
