import { HOSTNAME, isServed, type World } from './world.js';

export interface Outage {
  readonly requests: number;
  readonly lost: number;
  /** From the first request that was lost to the end of the last one; 0 where none was. */
  readonly ms: number;
}

const EVERY_MS = 20;

/** Visitors that come one after the other, and what they saw while something was done. */
export async function measureOutage({ visitors }: Pick<World, 'visitors'>, during: () => Promise<void>): Promise<Outage> {
  const over = new AbortController();
  let [requests, lost, firstLostAt, lastLostAt] = [0, 0, 0, 0];
  const visit = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const startedAt = performance.now();
      const answer = await visitors.get(HOSTNAME, '/', 2_000);
      requests += 1;
      if (!isServed(answer)) {
        if (lost === 0) firstLostAt = startedAt;
        lost += 1;
        lastLostAt = performance.now();
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  };
  const visiting = visit();
  await during();
  over.abort();
  await visiting;
  return { requests, lost, ms: Math.round(lastLostAt - firstLostAt) };
}
