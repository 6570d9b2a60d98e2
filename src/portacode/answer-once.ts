import type { AnswersLog } from './answers-log.js';
import type { PortacodeEvent } from './events.js';

/** Who asked, and gets all that the answer is made of. */
export interface AnswerReader {
  readonly send: (event: PortacodeEvent) => void;
  readonly isThere: () => boolean;
}

interface Running {
  /** What was said so far. */
  readonly events: PortacodeEvent[];
  readonly readers: Set<AnswerReader>;
  readonly done: Promise<void>;
}

/**
 * Says things on the way, and resolves with the last; never rejects. `isThere`: whether anybody still reads. An answer that
 * is there before its end gives what it comes to to `comesLater`, which must not reject either.
 */
export type Answering = (send: (event: PortacodeEvent) => void, isThere: () => boolean, comesLater: (outcome: Promise<PortacodeEvent>) => void) => Promise<PortacodeEvent>;

/**
 * One answer a request, however often it is asked: while the first is under way the others join it, and later they get
 * what it got.
 */
export class AnswerOnce {
  readonly #log: AnswersLog;
  readonly #running = new Map<string, Running>();
  /** Answers with a login URL in them. Whoever has it can fetch the certificate, so it does not go to disk. */
  readonly #logins = new Map<string, readonly PortacodeEvent[]>();

  constructor(log: AnswersLog) {
    this.#log = log;
  }

  /** Resolves when all was said. `key`: undefined where the request has no name, and so cannot be asked again. */
  async answer(key: string | undefined, reader: AnswerReader, answering: Answering): Promise<void> {
    if (key === undefined) {
      reader.send(await answering(reader.send, reader.isThere, () => undefined));
      return;
    }
    const under = this.#running.get(key);
    if (under !== undefined) {
      for (const event of under.events) reader.send(event);
      under.readers.add(reader);
      await under.done;
      return;
    }
    // Before anything is waited for: whoever asks the same in this moment finds it.
    const events: PortacodeEvent[] = [];
    const readers = new Set([reader]);
    const done = this.#begin(key, { events, readers }, answering).finally(() => this.#running.delete(key));
    this.#running.set(key, { events, readers, done });
    await done;
  }

  async #begin(key: string, { events, readers }: Pick<Running, 'events' | 'readers'>, answering: Answering): Promise<void> {
    const send = (event: PortacodeEvent): void => {
      events.push(event);
      for (const reader of readers) reader.send(event);
    };
    const before = this.#logins.get(key) ?? (await this.#log.find(key));
    if (before !== undefined) {
      for (const event of before) send(event);
      return;
    }
    let later: Promise<PortacodeEvent> | undefined;
    const last = await answering(send, () => [...readers].some((reader) => reader.isThere()), (outcome) => void (later = outcome));
    // A URL is good as long as its login waits: who asks again meanwhile gets the one of then, and afterwards what came of it.
    if (later !== undefined && last.event === LOGIN) void later.then((outcome) => (isFinal(outcome) ? this.#remember(key, [outcome]) : undefined));
    // On disk before it is said: who has it can count on hearing it again.
    else if (isFinal(last)) await this.#remember(key, [...events, last]);
    send(last);
  }

  async #remember(key: string, events: readonly PortacodeEvent[]): Promise<void> {
    const lasting = events.filter(({ event }) => event !== LOGIN);
    if (lasting.length < events.length) {
      this.#logins.set(key, events);
      const [oldest] = this.#logins.keys();
      if (this.#logins.size > KEPT_LOGINS && oldest !== undefined) this.#logins.delete(oldest);
    }
    if (lasting.length > 0) await this.#log.add(key, lasting);
  }
}

const LOGIN = 'cloudflare_tunnel_login';
const KEPT_LOGINS = 20;

/** Failures of the moment: the same request, asked again, is to be tried again. */
const PASSING: ReadonlySet<unknown> = new Set(['DAEMON_STOPPING', 'DAEMON_BUSY', 'INTERRUPTED']);

const isFinal = ({ event, error_code: code }: PortacodeEvent): boolean => event !== 'error' || !PASSING.has(code);
