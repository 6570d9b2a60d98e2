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
    signal.throwIfAborted();
    if (this.#rung.size === 0) {
      const woken = new AbortController();
      const wake = (): void => woken.abort();
      this.#wake = wake;
      // By hand, and not by `AbortSignal.any`: of each one made, Node 20 leaves something behind at the signal that lives on.
      signal.addEventListener('abort', wake);
      await this.#clock.sleep(ms, woken.signal).catch(() => undefined); // woken: what rang, or the signal, says why
      signal.removeEventListener('abort', wake);
      this.#wake = undefined;
    }
    signal.throwIfAborted();
    const rung = new Set(this.#rung);
    this.#rung.clear();
    return rung;
  }
}
