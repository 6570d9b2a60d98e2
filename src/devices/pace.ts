import type { Clock } from '../core/clock.js';

const SHORTEST_GAP_MS = 2_000;
const LONGEST_GAP_MS = 60_000;

/**
 * How often addresses may change what is published. The first change goes at once; whoever moves all the time, on purpose
 * or in a loop of restarts, must not replace everybody's connector every second.
 */
export class Pace {
  readonly #clock: Clock;
  #lastAt = -Infinity;
  #gapMs = SHORTEST_GAP_MS;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long the next change has to wait, ms. */
  wait(): number {
    return Math.max(0, this.#lastAt + this.#gapMs - this.#clock.monotonic());
  }

  /** A change was made. The gap doubles while they keep coming, and is short again after a quiet time. */
  note(): void {
    const sinceMs = this.#clock.monotonic() - this.#lastAt;
    this.#gapMs = sinceMs > 2 * LONGEST_GAP_MS ? SHORTEST_GAP_MS : Math.min(LONGEST_GAP_MS, this.#gapMs * 2);
    this.#lastAt = this.#clock.monotonic();
  }
}
