import type { IncomingMessage } from 'node:http';
import { readJsonLines, sendRequest } from '../../api/transport.js';
import type { Clock } from '../../core/clock.js';
import { SupervisorError, toSupervisorError } from '../../core/errors.js';
import { errorEvent, type PortacodeEvent } from '../events.js';
import { NOT_CONFIGURED } from '../failures.js';
import { isObject, type JsonObject } from '../json.js';

export interface DaemonLinkOptions {
  /** Where the daemon is; asked anew each time, since another one may be elsewhere. */
  readonly socketPath: () => Promise<string>;
  /** `up`: resolves when a daemon serves. */
  readonly bringUp: () => Promise<void>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A daemon that hangs is as good as none. */
const HEAD_TIMEOUT_MS = 60_000;
/** A daemon that stops lets requests in flight finish first. From the first failure; a login may have waited for hours before. */
const STOPPING_MS = 90_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 2_000;
const MOST_STARTS = 3;

/** The way to the daemon: through its restarts, and starting it where it is not there. */
export class DaemonLink {
  readonly #options: DaemonLinkOptions;
  #opening: Promise<unknown> = Promise.resolve();
  #starting: Promise<void> | undefined;

  constructor(options: DaemonLinkOptions) {
    this.#options = options;
  }

  /** Lines that the daemon sends for this command; sent after the one before was taken in, so that their order holds. */
  async open(message: JsonObject, connection?: AbortSignal): Promise<AsyncGenerator<PortacodeEvent, void, undefined>> {
    const signal = connection === undefined ? this.#options.signal : AbortSignal.any([this.#options.signal, connection]);
    const send = async () => sendRequest({ socketPath: await this.#locate(), method: 'POST', path: '/v1/portacode', body: message, signal, timeoutMs: HEAD_TIMEOUT_MS });
    const opening = this.#opening.then(send, send);
    this.#opening = opening.catch(() => undefined); // told to who sent it
    return readEvents((await opening).body);
  }

  async #locate(): Promise<string> {
    try {
      return await this.#options.socketPath();
    } catch (error) {
      throw new SupervisorError('DAEMON_UNREACHABLE', toSupervisorError(error).message, { cause: error });
    }
  }

  /** One start at a time, for all who need it. */
  async bringUp(): Promise<void> {
    this.#starting ??= this.#options.bringUp().finally(() => {
      this.#starting = undefined;
    });
    await this.#starting;
  }

  /**
   * The answer to a command, through restarts of the daemon: commands say what is to be, so one whose answer was cut off
   * is sent again. Never throws; a failure is an event.
   */
  async *exchange(message: JsonObject): AsyncGenerator<PortacodeEvent, void, undefined> {
    const { clock, signal } = this.#options;
    let deadline: number | undefined;
    let starts = 0;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
      let failure: SupervisorError;
      try {
        for await (const event of await this.open(message)) {
          if (isTurnedAway(event)) throw new SupervisorError(event.error_code, String(event['message']));
          yield event;
          deadline = undefined;
        }
        return;
      } catch (error) {
        failure = toSupervisorError(error);
      }
      if (signal.aborted) return;
      deadline ??= clock.monotonic() + STOPPING_MS;
      if (failure.code === 'DAEMON_UNREACHABLE') {
        starts += 1;
        const start = await this.bringUp().then(() => undefined, toSupervisorError);
        if (start !== undefined && starts >= MOST_STARTS) {
          yield errorEvent(new SupervisorError('DAEMON_UNREACHABLE', `${NOT_CONFIGURED} The daemon of the supervisor does not run, and cannot be started: ${start.message}`, { hint: start.hint }));
          return;
        }
      }
      const isPassing = failure.code === 'DAEMON_UNREACHABLE' || failure.code === 'DAEMON_STOPPING' || failure.code === 'DAEMON_BUSY';
      if (!isPassing || clock.monotonic() > deadline) {
        yield errorEvent(failure);
        return;
      }
      await clock.sleep(pauseMs, signal).catch(() => undefined); // aborted: seen at the next turn
    }
  }
}

/** A daemon that is going to stop takes nothing in. */
const isTurnedAway = (event: PortacodeEvent): event is PortacodeEvent & { readonly error_code: 'DAEMON_STOPPING' } => event.event === 'error' && event['error_code'] === 'DAEMON_STOPPING';

async function* readEvents(body: IncomingMessage): AsyncGenerator<PortacodeEvent, void, undefined> {
  try {
    for await (const line of readJsonLines(body)) if (isEvent(line)) yield line;
  } catch (error) {
    throw new SupervisorError('DAEMON_UNREACHABLE', 'The daemon went away while it answered', { cause: error });
  } finally {
    body.destroy();
  }
}

const isEvent = (line: unknown): line is PortacodeEvent => isObject(line) && typeof line['event'] === 'string';
