/** Doubling pauses with full jitter, which start afresh some time after all went well. */
export class Backoff {
  readonly #maxRetries: number;
  readonly #baseMs: number;
  #retries = 0;
  #resetAt: number | undefined;

  constructor(maxRetries: number, baseMs: number) {
    this.#maxRetries = maxRetries;
    this.#baseMs = baseMs;
  }

  get retries(): number {
    return this.#retries;
  }

  /** The longest that the next pause can be. */
  maxMs(): number {
    if (this.#isOver()) return this.#baseMs;
    return this.#baseMs * 2 ** Math.min(this.#retries + 1, this.#maxRetries + 1);
  }

  nextMs(): number {
    if (this.#isOver()) {
      this.#retries = 0;
      this.#resetAt = undefined;
    }
    this.#retries = Math.min(this.#retries + 1, this.#maxRetries);
    return Math.random() * this.#baseMs * 2 ** this.#retries;
  }

  /** All went well just now. */
  reset(): void {
    this.#retries = 0;
    this.#resetAt = performance.now();
  }

  /** All is well: should it stay so for a while, the next pause is the first again. */
  settle(): void {
    this.#resetAt = performance.now() + Math.random() * this.#baseMs * 2 ** (this.#retries + 2);
  }

  #isOver(): boolean {
    return this.#resetAt !== undefined && performance.now() > this.#resetAt;
  }
}
