/** Which connections are registered now. */
export class Readiness {
  readonly #connected = new Set<number>();
  readonly #onFirst: (() => void)[] = [];

  get connections(): number {
    return this.#connected.size;
  }

  /** Calls back when somebody has been told that there is a connection, once. */
  onceTold(callback: () => void): void {
    this.#onFirst.push(callback);
  }

  /** How many there are, for somebody who asks from outside. */
  tell(): number {
    if (this.connections > 0) for (const callback of this.#onFirst.splice(0)) callback();
    return this.connections;
  }

  connected(index: number): void {
    this.#connected.add(index);
  }

  /** Lost, unregistering, or between two attempts. */
  lost(index: number): void {
    this.#connected.delete(index);
  }
}
