import { streamedBody, wholeBody } from './origin.js';
import type { Answer, Visitors } from './visitor.js';

export interface LoadOptions {
  readonly hostname: string;
  readonly perSecond: number;
  /** Names of the services that may answer. */
  readonly origins: readonly string[];
}

export interface LoadReport {
  readonly requests: number;
  /** Not 200, wrong body, reset, or truncated. */
  readonly lost: number;
  /** Why, with how often. */
  readonly reasons: ReadonlyMap<string, number>;
  /** Whole answers by the service that gave them. */
  readonly answeredBy: ReadonlyMap<string, number>;
}

/** One request of the load and what came of it; times by the wall clock, ms. */
export interface Outcome {
  readonly sentAt: number;
  readonly endedAt: number;
  /** The service that gave a whole answer; undefined where the request was lost. */
  readonly answeredBy: string | undefined;
}

/** Of 100 requests, these are slow and these streamed; the rest are answered at once. */
const SLOW_PERCENT = 5;
const STREAM_PERCENT = 1;

/** A steady, open-loop load: requests leave on time whether or not earlier ones were answered. */
export class Load {
  readonly #visitors: Visitors;
  readonly #options: LoadOptions;
  readonly #reasons = new Map<string, number>();
  readonly #answeredBy = new Map<string, number>();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #watchers = new Set<(outcome: Outcome) => void>();
  readonly #startedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #sent = 0;
  #lost = 0;

  constructor(visitors: Visitors, options: LoadOptions) {
    this.#visitors = visitors;
    this.#options = options;
    this.#timer = setInterval(() => this.#sendDue(), 2);
  }

  get sent(): number {
    return this.#sent;
  }

  get lost(): number {
    return this.#lost;
  }

  /**
   * The first request to end from now on that passes. What is looked for is so seen with the load itself: asking besides
   * would be more load. Rejects where there is none until the deadline, or `signal` is aborted.
   */
  async first(accept: (outcome: Outcome) => boolean, deadlineMs: number, signal?: AbortSignal): Promise<Outcome> {
    signal?.throwIfAborted();
    return await new Promise((resolve, reject) => {
      const stopWatching = (): void => {
        this.#watchers.delete(watch);
        clearTimeout(late);
        signal?.removeEventListener('abort', interrupt);
      };
      const watch = (outcome: Outcome): void => {
        if (!accept(outcome)) return;
        stopWatching();
        resolve(outcome);
      };
      const interrupt = (): void => {
        stopWatching();
        reject(signal?.reason);
      };
      const late = setTimeout(() => {
        stopWatching();
        reject(new Error(`no request to ${this.#options.hostname} ended as expected within ${String(deadlineMs)} ms; lost: ${JSON.stringify([...this.#reasons])}`));
      }, deadlineMs);
      signal?.addEventListener('abort', interrupt);
      this.#watchers.add(watch);
    });
  }

  /** Sends no more, waits for what is in flight, and reports. */
  async stop(): Promise<LoadReport> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await Promise.all(this.#inFlight);
    return { requests: this.#sent, lost: this.#lost, reasons: this.#reasons, answeredBy: this.#answeredBy };
  }

  #sendDue(): void {
    const due = Math.floor(((performance.now() - this.#startedAt) / 1000) * this.#options.perSecond);
    while (this.#sent < due) {
      this.#sent += 1;
      const sending = this.#sendOne(pathOf(this.#sent)).finally(() => this.#inFlight.delete(sending));
      this.#inFlight.add(sending);
    }
  }

  async #sendOne(path: string): Promise<void> {
    const sentAt = Date.now();
    const answer = await this.#visitors.get(this.#options.hostname, path);
    const origin = this.#options.origins.find((name) => isWhole(answer, name, path));
    for (const watch of this.#watchers) watch({ sentAt, endedAt: Date.now(), answeredBy: origin });
    if (origin !== undefined) {
      count(this.#answeredBy, origin);
      return;
    }
    this.#lost += 1;
    count(this.#reasons, answer.kind === 'broken' ? answer.reason : `status ${String(answer.status)}: ${answer.body.slice(0, 60)}`);
  }
}

/** Spread evenly over each hundred, the same in every run. */
function pathOf(index: number): string {
  const position = (index * 37) % 100;
  if (position < SLOW_PERCENT) return '/slow';
  return position < SLOW_PERCENT + STREAM_PERCENT ? '/stream' : '/';
}

function isWhole(answer: Answer, origin: string, path: string): boolean {
  const expected = path === '/stream' ? streamedBody(origin) : wholeBody(origin);
  return answer.kind === 'answered' && answer.status === 200 && answer.body === expected;
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
