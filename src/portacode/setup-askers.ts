/** Who of Portacode waits for the setup that is under way, and so is told without being followed. */
export interface SetupAsker {
  readonly requestId: unknown;
  /** Still there to be told. */
  readonly isThere: () => boolean;
}

export class SetupAskers {
  readonly #waiting = new Set<SetupAsker>();
  /** Asked, and went away or did not want to wait: what becomes of it is told to who follows. */
  #outlived: SetupAsker | undefined;

  /** Until the returned function is called. `outlives`: it left, and the setup goes on. */
  add(asker: SetupAsker): (outlives: boolean) => void {
    this.#waiting.add(asker);
    return (outlives) => {
      this.#waiting.delete(asker);
      if (outlives) this.#outlived = asker;
    };
  }

  /** Somebody is told by their own answer. */
  isTelling(): boolean {
    return [...this.#waiting].some((asker) => asker.isThere());
  }

  /** Who began the setup and does not hear of it any more. */
  outlived(): SetupAsker | undefined {
    return this.#outlived ?? [...this.#waiting].find((asker) => !asker.isThere());
  }

  /** The setup is over. */
  forget(): void {
    this.#outlived = undefined;
  }
}
