import { bootId, isRunning, readProcess } from './process-table.js';

/** Who holds a lock, as the file says. */
export interface LockHolder {
  readonly pid: number;
  readonly startTime: string;
  readonly bootId: string;
  readonly since: string;
  /** What it runs, for people. */
  readonly command: string;
}

export function describeSelf(): Pick<LockHolder, 'pid' | 'startTime' | 'bootId'> {
  return { pid: process.pid, startTime: readProcess(process.pid)?.startTime ?? '', bootId: bootId() ?? '' };
}

/** In another boot every process is gone. In another pid namespace we cannot see it; there flock must do. */
export function isHolderAlive(holder: LockHolder): boolean {
  return holder.bootId === (bootId() ?? '') && isRunning(holder);
}

/** Undefined where the record is empty or torn: who wrote it died while writing. */
export function parseHolder(text: string): LockHolder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const { pid, startTime, bootId: boot, since, command } = value as Record<string, unknown>;
    if (typeof pid !== 'number' || typeof startTime !== 'string' || typeof boot !== 'string') return undefined;
    if (typeof since !== 'string' || typeof command !== 'string') return undefined;
    return { pid, startTime, bootId: boot, since, command };
  } catch {
    return undefined; // Empty or torn.
  }
}
