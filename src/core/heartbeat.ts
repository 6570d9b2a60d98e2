import type { Clock } from './clock.js';

/** A stream promises a line at least every 15 s. */
const HEARTBEAT_MS = 10_000;

/** Calls `beat` every ten seconds until `signal`, with which it resolves. */
export async function beatUntil(signal: AbortSignal, clock: Clock, beat: () => void): Promise<void> {
  while (!signal.aborted) {
    // Rejects when the stream is over, which the condition sees.
    await clock.sleep(HEARTBEAT_MS, signal).catch(() => undefined);
    if (!signal.aborted) beat();
  }
}
