import { matchesPath } from './path-pattern.js';

/** One request to the API. Without headers and body: they hold secrets. */
export interface LoggedRequest {
  /** Wall clock, ms. */
  readonly at: number;
  readonly method: string;
  /** Below `/client/v4/`. */
  readonly path: string;
  /** Without the `?`. */
  readonly query: string;
  /** Null where no answer was sent. */
  readonly status: number | null;
  /** The kind of the scripted fault that it met. */
  readonly fault: string | null;
}

export interface RequestFilter {
  readonly method?: string | undefined;
  /** See path-pattern.ts. */
  readonly path?: string | undefined;
}

const ENTRIES_MAX = 20_000;

/** The requests that ended, oldest first; so many of them that a long-running sandbox stays small. */
export class RequestLog {
  #entries: LoggedRequest[] = [];

  add(entry: LoggedRequest): void {
    this.#entries.push(entry);
    if (this.#entries.length > ENTRIES_MAX) this.#entries.splice(0, ENTRIES_MAX / 10);
  }

  list({ method, path }: RequestFilter = {}): readonly LoggedRequest[] {
    return this.#entries.filter((entry) => (method === undefined || entry.method === method)
      && (path === undefined || matchesPath(path, entry.path)));
  }

  count(filter: RequestFilter = {}): number {
    return this.list(filter).length;
  }

  clear(): void {
    this.#entries = [];
  }
}
