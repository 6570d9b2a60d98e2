import type { SupervisorEvent } from '../core/events.js';
import type { ConnectorState, ConnectorStatus } from '../core/status.js';

/** The connectors as one: what Portacode needs to know is whether names are served. */
export interface ConnectorNews {
  readonly state: ConnectorState;
  readonly message: string;
  readonly errorCode: string | null;
}

/** While one is replaced there are several: the best of them counts. */
const BEST_FIRST = ['ready', 'starting', 'lost', 'waiting', 'failed', 'draining', 'stopped'] as const satisfies readonly ConnectorState[];

const MESSAGES: Readonly<Record<ConnectorState, string>> = {
  ready: 'The tunnel is connected.',
  starting: 'The connector is starting.',
  lost: 'The connector has no connection to Cloudflare.',
  waiting: 'The connector failed, and is started again soon.',
  failed: 'The connector failed.',
  draining: 'The connector lets the last requests finish.',
  stopped: 'No connector runs.',
};

export class ConnectorWatch {
  readonly #states = new Map<number, ConnectorState>();
  /** Why nothing serves; it may be known only when the next one is being started, or serves already. */
  #failure: { readonly code: string; readonly message: string } | undefined;
  #last: string;

  constructor(connectors: readonly ConnectorStatus[]) {
    for (const { id, state } of connectors) this.#states.set(id, state);
    this.#last = summarize(this.now());
  }

  now(): ConnectorNews {
    const states = [...this.#states.values()];
    const state = BEST_FIRST.find((candidate) => states.includes(candidate)) ?? 'stopped';
    const failure = state === 'ready' ? undefined : this.#failure;
    return { state, message: failure === undefined ? MESSAGES[state] : `${MESSAGES[state]} ${failure.message}`, errorCode: failure?.code ?? null };
  }

  /** What an event changes of it; undefined where nothing that can be seen from outside. */
  take(event: SupervisorEvent): ConnectorNews | undefined {
    switch (event.type) {
      case 'connector.started':
      case 'connector.adopted':
      case 'connector.lost':
      case 'connector.draining':
      case 'connector.stopped':
        this.#note(event.data);
        break;
      case 'connector.ready':
        this.#failure = undefined;
        this.#note(event.data);
        break;
      case 'connector.failed':
        this.#note(event.data);
        this.#failure = this.now().state === 'ready' ? undefined : event.data.error;
        break;
      default:
        return undefined;
    }
    const news = this.now();
    const said = summarize(news);
    if (said === this.#last) return undefined;
    this.#last = said;
    return news;
  }

  #note({ id, state }: ConnectorStatus): void {
    if (state === 'stopped') this.#states.delete(id);
    else this.#states.set(id, state);
  }
}

/** What tells one piece of news from the next. */
const summarize = ({ state, errorCode }: ConnectorNews): string => `${state} ${errorCode ?? ''}`;
