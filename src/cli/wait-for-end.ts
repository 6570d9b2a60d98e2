import type { SupervisorClient } from '../api/client.js';
import { systemClock } from '../core/clock.js';
import { readProcess } from '../host/process-table.js';

const POLL_MS = 50;

/** Resolves when the process is gone: its stream of events ends first, its exit follows. */
export async function waitForEnd(client: SupervisorClient, pid: number, signal: AbortSignal): Promise<void> {
  try {
    for await (const event of client.events({ signal })) if (event.seq < 0) break;
  } catch {
    // The daemon is gone already, or cut the stream off: what counts is its process, below.
  }
  while (!signal.aborted && readProcess(pid) !== undefined) await systemClock.sleep(POLL_MS, signal);
  signal.throwIfAborted();
}
