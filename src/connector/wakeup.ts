import type { Clock } from '../core/clock.js';

/** One alarm on a clock, set again and again. */
export class Wakeup {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #due: number | undefined;
  #cancelled = new AbortController();

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Monotonic ms; undefined for never. Replaces what was set before. */
  at(due: number | undefined): void {
    if (due === this.#due) return;
    this.cancel();
    if (due === undefined || due === Infinity) return;
    this.#due = due;
    const { signal } = this.#cancelled;
    const ringing = this.#clock.sleep(Math.min(Math.max(0, due - this.#clock.monotonic()), LONGEST_SLEEP_MS), signal);
    void ringing.then(() => this.#onTime(), () => undefined); // Rejected: another time was set.
  }

  #onTime(): void {
    this.#due = undefined;
    this.#ring();
  }

  cancel(): void {
    this.#due = undefined;
    this.#cancelled.abort();
    this.#cancelled = new AbortController();
  }
}

/** Timers of Node overflow above 2^31 ms; an early ring only looks at the clock again. */
const LONGEST_SLEEP_MS = 86_400_000;
