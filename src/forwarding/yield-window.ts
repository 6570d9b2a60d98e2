/**
 * Lets something urgent go ahead of a change that waits for the network. While `during` waits it runs at once, beside
 * the waiting; the change goes on only when it is over.
 */
export class YieldWindow {
  readonly #waiting: (() => Promise<void>)[] = [];
  #openings = 0;
  #running: Promise<void> | undefined;

  /** Whether something urgent would start now. */
  get isOpen(): boolean {
    return this.#openings > 0;
  }

  async during<T>(wait: () => Promise<T>): Promise<T> {
    this.#openings += 1;
    this.#startNext();
    try {
      return await wait();
    } finally {
      this.#openings -= 1;
      while (this.#running !== undefined) await this.#running;
    }
  }

  /** Runs it as soon as the window is open, one at a time, in the order of asking. */
  enter<T>(urgent: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push(async () => {
        await urgent().then(resolve, reject);
      });
      if (this.isOpen) this.#startNext();
    });
  }

  get isWaitedFor(): boolean {
    return this.#waiting.length > 0;
  }

  #startNext(): void {
    if (this.#running !== undefined) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#running = next().finally(() => {
      this.#running = undefined;
      if (this.isOpen) this.#startNext();
    });
  }
}
