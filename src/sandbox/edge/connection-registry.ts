import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import type { EdgeLink } from './edge-link.js';
import type { EdgeConnection, EdgeEvent } from './ports.js';

/** The registered connections of all tunnels, oldest first, and who is told of changes. */
export class ConnectionRegistry {
  readonly #links = new Set<EdgeLink>();
  readonly #listeners = new Set<(event: EdgeEvent) => void>();
  #turns = 0;

  add(link: EdgeLink): void {
    for (const other of this.#links) {
      if (!isSamePlace(other.connection(), link.connection())) continue;
      other.drain('replaced');
      this.emit({ type: 'connection.replaced', connection: other.connection() });
    }
    this.#links.add(link);
    this.emit({ type: 'connection.registered', connection: link.connection() });
  }

  remove(link: EdgeLink): void {
    if (this.#links.delete(link)) this.emit({ type: 'connection.closed', connection: link.connection() });
  }

  list(tunnelId?: string): EdgeConnection[] {
    const all = [...this.#links].map((link) => link.connection());
    return tunnelId === undefined ? all : all.filter((connection) => connection.tunnelId === tunnelId);
  }

  drop(matches: (connection: EdgeConnection) => boolean): number {
    const dropped = [...this.#links].filter((link) => matches(link.connection()));
    for (const link of dropped) link.cut();
    return dropped.length;
  }

  emit(event: EdgeEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  subscribe(listener: (event: EdgeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  waitUntil(condition: (connections: readonly EdgeConnection[]) => boolean, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (condition(this.list())) finish(resolve);
      };
      const giveUp = (): void => finish(() => reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted')));
      const unsubscribe = this.subscribe(check);
      const finish = (settle: () => void): void => {
        unsubscribe();
        signal?.removeEventListener('abort', giveUp);
        settle();
      };
      signal?.addEventListener('abort', giveUp);
      if (signal?.aborted === true) giveUp();
      else check();
    });
  }

  openRequest(tunnelId: string, headers: OutgoingHttpHeaders, bodiless: boolean): ClientHttp2Stream | undefined {
    const candidates = [...this.#links].filter((link) => link.tunnelId === tunnelId && link.isServing());
    while (candidates.length > 0) {
      const link = longestAgo(candidates);
      this.#turns += 1;
      const stream = link.openRequest(headers, bodiless, this.#turns);
      if (stream !== undefined) return stream;
      candidates.splice(candidates.indexOf(link), 1);
    }
    return undefined;
  }
}

const isSamePlace = (a: EdgeConnection, b: EdgeConnection): boolean =>
  a.state === 'serving' && a.tunnelId === b.tunnelId && a.connIndex === b.connIndex && a.connector.connectorId === b.connector.connectorId;

/** Of the connector that had its last turn longest ago, the connection that had. `links` is not empty. */
function longestAgo(links: readonly EdgeLink[]): EdgeLink {
  const lastTurns = new Map<string, number>();
  for (const { connectorId, lastTurn } of links) lastTurns.set(connectorId, Math.max(lastTurns.get(connectorId) ?? 0, lastTurn));
  return links.reduce((best, link) => {
    const [mine, others] = [lastTurns.get(link.connectorId) ?? 0, lastTurns.get(best.connectorId) ?? 0];
    return mine < others || (mine === others && link.lastTurn < best.lastTurn) ? link : best;
  });
}
