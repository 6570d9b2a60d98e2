import { removeDurably, writeFileAtomic } from '../host/atomic-file.js';
import { readRegularTextSync } from '../host/regular-file.js';
import { parseObject } from './json.js';

/** Who of Portacode waits for the setup that is under way, and so is told by their own answer. */
export interface SetupAsker {
  readonly requestId: unknown;
  /** Still there to be told. */
  readonly isThere: () => boolean;
}

/** Knows who asked for the setup that is under way, also when the daemon was restarted meanwhile. */
export class SetupAskers {
  readonly #waiting = new Set<SetupAsker>();
  readonly #path: string;
  /** Asked, and does not wait: what becomes of it is told to who follows. */
  #outlived: Pick<SetupAsker, 'requestId'> | undefined;
  #saving: Promise<void> = Promise.resolve();

  /** `path`: where it is kept who asked and went. */
  constructor(path: string) {
    this.#path = path;
    this.#outlived = readAsker(path);
  }

  /**
   * Until the returned function is called. `outlives`: the asker is going to have an answer, and the setup goes on; on
   * disk when it resolves.
   */
  add(asker: SetupAsker): (outlives: boolean) => Promise<void> {
    this.#waiting.add(asker);
    return async (outlives) => {
      this.#waiting.delete(asker);
      if (!outlives) return;
      this.#outlived = asker;
      await this.#save(() => writeFileAtomic(this.#path, JSON.stringify({ request_id: asker.requestId })));
    };
  }

  /** Somebody is told by their own answer. */
  isTelling(): boolean {
    return [...this.#waiting].some((asker) => asker.isThere());
  }

  /** Who asked for the setup, and does not hear of it any more. */
  outlived(): Pick<SetupAsker, 'requestId'> | undefined {
    return this.#outlived ?? [...this.#waiting].find((asker) => !asker.isThere());
  }

  /** The setup is over. */
  forget(): void {
    if (this.#outlived === undefined) return;
    this.#outlived = undefined;
    void this.#save(() => removeDurably(this.#path));
  }

  /** What cannot be kept is not known after a restart, and that is all. */
  #save(work: () => Promise<void>): Promise<void> {
    this.#saving = this.#saving.then(work).catch(() => undefined);
    return this.#saving;
  }
}

function readAsker(path: string): Pick<SetupAsker, 'requestId'> | undefined {
  let text: string;
  try {
    text = readRegularTextSync(path);
  } catch {
    return undefined; // nobody asked and went, as almost always
  }
  const kept = parseObject(text);
  return kept === undefined ? undefined : { requestId: kept['request_id'] };
}
