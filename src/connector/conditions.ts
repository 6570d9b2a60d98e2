/** Promises that are conditions on a state: looked at again whenever the state may have changed. */
export class Conditions {
  readonly #waiting = new Set<() => void>();

  /** To be called after every change. */
  lookAgain(): void {
    for (const look of this.#waiting) look();
  }

  /** Resolves with what `look` returns as soon as that is not undefined; rejects with what it throws, or when aborted. */
  async until<T>(look: () => T | undefined, signal?: AbortSignal): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      const settle = (conclude: () => void): void => {
        this.#waiting.delete(again);
        signal?.removeEventListener('abort', onAbort);
        conclude();
      };
      const onAbort = (): void => settle(() => reject(signal?.reason as Error));
      const again = (): void => {
        try {
          const found = look();
          if (found !== undefined) settle(() => resolve(found));
        } catch (error) {
          settle(() => reject(error));
        }
      };
      if (signal?.aborted === true) {
        onAbort();
        return;
      }
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(again);
      again();
    });
  }
}
