import { Failure } from '../failure.js';
import { Backoff } from './backoff.js';
import { pause, whenAborted } from './life.js';
import { Connection, type Tunnel } from './serve-connection.js';
import type { ServeFailure } from './serve-failure.js';

/** Between the starts of two connections. Nothing shortens it, which is why a young connector is slow to end. */
const START_INTERVAL_MS = 1000;
/** Before lost connections are dialled again, doubling. */
const RETRY_BASE_MS = 10_000;

interface Ended {
  readonly index: number;
  readonly failure: ServeFailure | undefined;
}

/** Keeps a connector's connections: the first alone until it is there, then the others one after the other, then again what was lost. */
export class ConnectionSupervisor {
  readonly #tunnel: Tunnel;
  readonly #connections: readonly Connection[];
  readonly #backoff: Backoff;
  readonly #ended: Ended[] = [];
  readonly #connecting = new Set<number>();
  #wake: () => void = () => undefined;

  constructor(tunnel: Tunnel, count: number) {
    this.#tunnel = tunnel;
    this.#connections = Array.from({ length: count }, (_, index) => new Connection(tunnel, index));
    this.#backoff = new Backoff(tunnel.retries, RETRY_BASE_MS);
  }

  /** Resolves when all have ended as asked. Throws a Failure where the first could not be made and should not be tried again. */
  async run(): Promise<void> {
    const { life } = this.#tunnel;
    const connected = new AbortController();
    const first = this.#serveFirst(() => connected.abort()).then((failure) => this.#note(0, failure));
    await Promise.race([first, whenAborted(connected.signal), whenAborted(life.graceful), whenAborted(life.cut)]);
    if (!connected.signal.aborted) {
      const failure = this.#ended[0]?.failure;
      if (failure !== undefined) {
        this.#tunnel.log.error('initial tunnel connection failed', { error: failure.message });
        throw new Failure(failure.message);
      }
      return;
    }
    for (let index = 1; index < this.#connections.length; index += 1) {
      this.#start(index);
      await pause(START_INTERVAL_MS, life.cut);
    }
    await this.#keep();
  }

  #note(index: number, failure: ServeFailure | undefined): void {
    this.#ended.push({ index, failure });
    this.#wake();
  }

  #start(index: number): void {
    this.#connecting.add(index);
    const connected = (): void => {
      this.#connecting.delete(index);
      if (this.#connecting.size === 0) this.#backoff.settle();
    };
    void this.#serveOnce(index, connected);
  }

  async #serveOnce(index: number, onConnected: () => void): Promise<void> {
    const failure = await this.#connections[index]?.serve(onConnected);
    this.#connecting.delete(index);
    this.#note(index, failure);
  }

  /** Until it ends in a way that ends the program, or is asked to end. */
  async #serveFirst(onConnected: () => void): Promise<ServeFailure | undefined> {
    for (;;) {
      const failure = await this.#connections[0]?.serve(onConnected);
      if (failure === undefined || this.#tunnel.life.cut.aborted || !failure.isRetriedByTheFirst) return failure;
    }
  }

  async #keep(): Promise<void> {
    const { life, log, readiness, retryScale } = this.#tunnel;
    let active = this.#connections.length;
    let waiting: number[] = [];
    let timer: NodeJS.Timeout | undefined;
    const again = (): void => {
      timer = undefined;
      active += waiting.length;
      for (const index of waiting.splice(0)) this.#start(index);
    };
    life.cut.addEventListener('abort', () => this.#wake(), { once: true });
    while (!life.cut.aborted || active > 0) {
      const ended = this.#ended.shift();
      if (ended === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        if (life.cut.aborted && timer !== undefined) {
          clearTimeout(timer);
          waiting = [];
        }
        continue;
      }
      active -= 1;
      log.log(readiness.connections === 0 ? 'error' : 'warn', 'Connection terminated', { ...(ended.failure === undefined ? {} : { error: ended.failure.message }), connIndex: ended.index });
      if (ended.failure !== undefined && !life.graceful.aborted && !life.cut.aborted) {
        waiting.push(ended.index);
        timer ??= setTimeout(again, this.#backoff.nextMs() * retryScale);
      } else if (active === 0) {
        log.error('no more connections active and exiting');
        return;
      }
    }
  }
}
