import { Agent, request } from 'node:http';

/** What a visitor got: the status and the whole body, or why not. */
export type Answer =
  | { readonly kind: 'answered'; readonly status: number; readonly body: string }
  | { readonly kind: 'broken'; readonly reason: string };

/** Visitors of published names: HTTP requests to the edge's front with the name as Host. */
export class Visitors {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 256 });
  readonly #front: URL;

  /** `front` is where the edge listens for visitors, e.g. `http://127.0.0.1:8080`. */
  constructor(front: string) {
    this.#front = new URL(front);
  }

  /** One GET; resolves always. `timeoutMs` bounds the whole exchange. */
  async get(hostname: string, path = '/', timeoutMs = 15_000): Promise<Answer> {
    return await new Promise((resolve) => {
      const broken = (reason: string): void => resolve({ kind: 'broken', reason });
      const outgoing = request(
        { agent: this.#agent, host: this.#front.hostname, port: this.#front.port, path, headers: { host: hostname } },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', (error) => broken(`reset: ${error.message}`));
          response.on('close', () => {
            if (response.complete) resolve({ kind: 'answered', status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
            else broken('truncated');
          });
        },
      );
      outgoing.setTimeout(timeoutMs, () => outgoing.destroy(new Error(`no answer within ${String(timeoutMs)} ms`)));
      outgoing.on('error', (error) => broken(error.message));
      outgoing.end();
    });
  }

  /** Asks until an answer passes; resolves with the wall-clock time (ms) of that answer, rejects after `deadlineMs` or when aborted. */
  async until(hostname: string, accept: (answer: Answer) => boolean, deadlineMs: number, signal?: AbortSignal): Promise<number> {
    const giveUpAt = performance.now() + deadlineMs;
    for (;;) {
      const answer = await this.get(hostname, '/', 2_000);
      if (accept(answer)) return Date.now();
      signal?.throwIfAborted();
      if (performance.now() > giveUpAt) {
        const last = answer.kind === 'answered' ? `${String(answer.status)} ${answer.body.slice(0, 80)}` : answer.reason;
        throw new Error(`${hostname} did not answer as expected within ${String(deadlineMs)} ms; the last answer was: ${last}`);
      }
      if (answer.kind === 'broken' || answer.status !== 200) await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  close(): void {
    this.#agent.destroy();
  }
}
