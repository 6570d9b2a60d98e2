/** Tells who waits for something that something changed; they look for themselves what. */
export class Changes {
  readonly #listeners = new Set<() => void>();

  announce(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Returns what ends the subscription. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Resolves with the first value of `look` that is not undefined: now, or after a change; with undefined when
   * `timeoutMs` have passed or the signal aborts.
   */
  async wait<T>(look: () => T | undefined, timeoutMs: number, signal?: AbortSignal): Promise<T | undefined> {
    const seen = look();
    if (seen !== undefined || signal?.aborted === true) return seen;
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        unsubscribe();
        signal?.removeEventListener('abort', giveUp);
        act();
      };
      const giveUp = (): void => settle(() => resolve(undefined));
      const timer = setTimeout(giveUp, timeoutMs);
      const unsubscribe = this.subscribe(() => {
        try {
          const value = look();
          if (value !== undefined) settle(() => resolve(value));
        } catch (error) {
          // What `look` throws is for who waits, not for who made the change.
          settle(() => reject(error instanceof Error ? error : new Error(String(error))));
        }
      });
      signal?.addEventListener('abort', giveUp);
    });
  }
}
