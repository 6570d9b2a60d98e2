import type { Random } from '../core/clock.js';

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;

/** Doubles from half a second, with jitter, so that many machines do not come back together. `tries` counts those that failed before. */
export function retryDelayMs(tries: number, random: Random): number {
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** tries);
  return ceiling * (0.5 + random() / 2);
}
