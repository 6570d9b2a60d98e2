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

interface Known {
  readonly state: ConnectorState;
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

export class ConnectorWatch {
  readonly #connectors = new Map<number, Known>();
  #last: string | undefined;

  constructor(connectors: readonly ConnectorStatus[]) {
    for (const { id, state } of connectors) this.#connectors.set(id, { state, error: undefined });
    this.#last = summarize(this.now());
  }

  now(): ConnectorNews {
    const known = [...this.#connectors.values()];
    const state = BEST_FIRST.find((candidate) => known.some((connector) => connector.state === candidate)) ?? 'stopped';
    const error = known.findLast((connector) => connector.state === state && connector.error !== undefined)?.error;
    return { state, message: error === undefined ? MESSAGES[state] : `${MESSAGES[state]} ${error.message}`, errorCode: error?.code ?? null };
  }

  /** What an event changes of it; undefined where nothing that can be seen from outside. */
  take(event: SupervisorEvent): ConnectorNews | undefined {
    switch (event.type) {
      case 'connector.started':
      case 'connector.adopted':
      case 'connector.ready':
      case 'connector.lost':
      case 'connector.draining':
        this.#connectors.set(event.data.id, { state: event.data.state, error: undefined });
        break;
      case 'connector.failed':
        this.#connectors.set(event.data.id, { state: event.data.state, error: event.data.error });
        break;
      case 'connector.stopped':
        this.#connectors.delete(event.data.id);
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
}

/** What tells one piece of news from the next. */
const summarize = ({ state, errorCode }: ConnectorNews): string => `${state} ${errorCode ?? ''}`;
