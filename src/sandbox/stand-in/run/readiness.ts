/** Which connections are registered now. */
export class Readiness {
  readonly #connected = new Set<number>();
  readonly #onFirst: (() => void)[] = [];

  get connections(): number {
    return this.#connected.size;
  }

  /** Calls back when there is a connection, once. */
  onceReady(callback: () => void): void {
    this.#onFirst.push(callback);
  }

  connected(index: number): void {
    this.#connected.add(index);
    for (const callback of this.#onFirst.splice(0)) callback();
  }

  /** Lost, unregistering, or between two attempts. */
  lost(index: number): void {
    this.#connected.delete(index);
  }
}
