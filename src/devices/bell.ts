import type { Clock } from '../core/clock.js';

/** Wakes one who sleeps; what rang while nobody slept is heard at the next sleep. */
export class Bell<Cause extends string> {
  readonly #clock: Clock;
  readonly #rung = new Set<Cause>();
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(cause: Cause): void {
    this.#rung.add(cause);
    this.#wake?.();
  }

  /** Resolves with all that rang, or with nothing after `ms`. Rejects with the signal's reason. One sleeps at a time. */
  async sleep(ms: number, signal: AbortSignal): Promise<ReadonlySet<Cause>> {
    if (this.#rung.size === 0) {
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      await this.#clock.sleep(ms, AbortSignal.any([signal, woken.signal])).catch(() => signal.throwIfAborted());
      this.#wake = undefined;
    }
    signal.throwIfAborted();
    const rung = new Set(this.#rung);
    this.#rung.clear();
    return rung;
  }
}
