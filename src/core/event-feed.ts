import type { SupervisorEvent } from './events.js';

/** Events with their numbers: those of the past, and each as it happens. */
export interface EventSource {
  readonly newestSeq: () => number;
  subscribe(listener: (event: SupervisorEvent) => void): () => void;
  readAfter(seq: number): AsyncIterable<SupervisorEvent>;
}

/** Where the events go: it may be slower than they are. */
export interface FeedReader {
  /** Aborted when nobody reads any more. */
  readonly gone: AbortSignal;
  /** Resolves when what was sent is read, or the reader is gone. */
  drained(): Promise<void>;
  /** For one that is too slow to be worth more memory. */
  cutOff(): void;
}

/** Events that may happen while a slow reader is still being told of those before; then it is cut off. */
const WAITING_EVENTS = 10_000;

/**
 * All events after one, each once and in order, to one reader: the past as fast as it reads, what happened meanwhile too,
 * and then each at once. Nothing is missed from the moment on when this is made. First `past`, if at all, then `present`.
 */
export class EventFeed {
  readonly #source: EventSource;
  readonly #reader: FeedReader;
  readonly #waiting: SupervisorEvent[] = [];
  readonly #unsubscribe: () => void;
  /** Of what is past: what came later waits. */
  readonly #newestSeq: number;
  #wake: () => void = () => undefined;

  constructor(source: EventSource, reader: FeedReader) {
    this.#source = source;
    this.#reader = reader;
    this.#newestSeq = source.newestSeq();
    this.#unsubscribe = source.subscribe((event) => {
      if (this.#waiting.push(event) > WAITING_EVENTS) reader.cutOff();
      this.#wake();
    });
  }

  /** Those after `seq` that had happened when this was made. */
  async *past(seq: number): AsyncGenerator<SupervisorEvent, void, undefined> {
    if (seq >= this.#newestSeq) return;
    for await (const event of this.#source.readAfter(seq)) {
      if (event.seq > this.#newestSeq || this.#reader.gone.aborted) return;
      yield event;
      await this.#reader.drained();
    }
  }

  /** Those that happened since this was made. Ends with the reader; with `until` when all that happened before it is told. */
  async *present(until: AbortSignal): AsyncGenerator<SupervisorEvent, void, undefined> {
    const { gone } = this.#reader;
    const wake = (): void => this.#wake();
    for (const signal of [gone, until]) signal.addEventListener('abort', wake);
    try {
      let isBehind = true;
      while (!gone.aborted) {
        const event = this.#waiting.shift();
        if (event === undefined) {
          isBehind = false;
          if (until.aborted) return;
          await new Promise<void>((resolve) => (this.#wake = resolve));
          continue;
        }
        yield event;
        if (isBehind) await this.#reader.drained();
      }
    } finally {
      for (const signal of [gone, until]) signal.removeEventListener('abort', wake);
    }
  }

  close(): void {
    this.#unsubscribe();
    this.#waiting.length = 0;
  }
}
