import { Agent } from 'node:http';
import { visit } from './visitor.js';

export interface LoadResult {
  readonly sent: number;
  /** What went wrong, one text for each request that was lost. */
  readonly lost: readonly string[];
  /** Which origins answered, in the order of the answers' ends. */
  readonly names: readonly string[];
}

const SLOW_MS = 800;
const TICK_MS = 10;

/** Steady visitors: of a hundred requests five are slow and one is a stream; every body must be whole and right. */
export class VisitorLoad {
  readonly #frontPort: number;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #pending = new Set<Promise<void>>();
  readonly #lost: string[] = [];
  readonly #names: string[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt = performance.now();
  #sent = 0;

  constructor(frontPort: number, perSecond: number) {
    this.#frontPort = frontPort;
    this.#timer = setInterval(() => {
      const due = ((performance.now() - this.#startedAt) / 1000) * perSecond;
      while (this.#sent < due) this.#send();
    }, TICK_MS);
  }

  /** Resolves when so many more have been answered. */
  async untilAnswered(more: number): Promise<void> {
    const wanted = this.#names.length + this.#lost.length + more;
    while (this.#names.length + this.#lost.length < wanted) {
      if (this.#pending.size === 0) await new Promise(setImmediate);
      else await Promise.race(this.#pending);
    }
  }

  async stop(): Promise<LoadResult> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
    this.#agent.destroy();
    return { sent: this.#sent, lost: this.#lost, names: this.#names };
  }

  #send(): void {
    const turn = this.#sent % 100;
    this.#sent += 1;
    const path = turn === 50 ? `/stream?ms=${SLOW_MS}` : turn % 20 === 3 ? `/slow?ms=${SLOW_MS}` : '/';
    const visited = this.#visit(path, turn === 50 ? /^\w+\.{10}END$/u : /^\w+$/u).finally(() => this.#pending.delete(visited));
    this.#pending.add(visited);
  }

  async #visit(path: string, right: RegExp): Promise<void> {
    const { outcome, status, body } = await visit(this.#frontPort, path, { agent: this.#agent });
    const text = body.toString();
    if (outcome === 'whole' && status === 200 && right.test(text)) this.#names.push(text.replace(/\W.*$/u, ''));
    else this.#lost.push(`${path}: ${outcome} ${status} ${text.slice(0, 40)}`);
  }
}
