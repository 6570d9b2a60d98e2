import type { Clock } from '../core/clock.js';

const SHORTEST_GAP_MS = 1_000;
const LONGEST_GAP_MS = 60_000;
/** So many changes in a row are nothing strange: a container that is set up anew. */
const FREE_CHANGES = 4;

/**
 * How often one device may change what is published. Whoever moves all the time, on purpose or in a loop of restarts, must
 * not replace everybody's connector every second; and the others do not wait for them.
 */
export class Pace {
  readonly #clock: Clock;
  #lastAt = -Infinity;
  #gapMs = SHORTEST_GAP_MS;
  #inARow = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long its next change has to wait, ms. */
  wait(): number {
    return Math.max(0, this.#lastAt + this.#gapMs - this.#clock.monotonic());
  }

  /** A change was made. The gap doubles while they keep coming, and is short again after a quiet time. */
  note(): void {
    const isQuiet = this.#clock.monotonic() - this.#lastAt > 2 * LONGEST_GAP_MS;
    this.#inARow = isQuiet ? 1 : this.#inARow + 1;
    this.#gapMs = this.#inARow <= FREE_CHANGES ? SHORTEST_GAP_MS : Math.min(LONGEST_GAP_MS, this.#gapMs * 2);
    this.#lastAt = this.#clock.monotonic();
  }
}
