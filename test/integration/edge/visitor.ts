import { type Agent, type IncomingHttpHeaders, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';

export interface Visit {
  /** `cut`: began and was broken off; `failed`: nothing came. */
  readonly outcome: 'whole' | 'cut' | 'failed';
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface VisitOptions {
  readonly host?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer;
  readonly agent?: Agent;
  /** Called with all that has come so far, at every piece. */
  readonly onBody?: (soFar: string) => void;
}

export const HOST = 'app.example.com';

/** One request of a visitor, judged as a browser would. Never rejects. */
export function visit(frontPort: number, path: string, options: VisitOptions = {}): Promise<Visit> {
  return new Promise((resolve) => {
    const { host = HOST, method = 'GET', headers = {}, body, agent, onBody } = options;
    const request = httpRequest({ port: frontPort, path, method, headers: { host, ...(headers as Record<string, string>) }, ...(agent === undefined ? {} : { agent }) }, (response) => {
      const chunks: Buffer[] = [];
      const finish = (outcome: Visit['outcome']): void => resolve({ outcome, status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        onBody?.(Buffer.concat(chunks).toString());
      });
      response.once('end', () => finish(response.complete ? 'whole' : 'cut'));
      response.once('error', () => finish('cut'));
    });
    request.once('error', () => resolve({ outcome: 'failed', status: 0, headers: {}, body: Buffer.alloc(0) }));
    request.end(body);
  });
}

/** A visitor that speaks bytes: for WebSockets, and for what no HTTP client would send. */
export class RawVisitor {
  readonly socket: Socket;
  #seen = '';
  #error: NodeJS.ErrnoException | undefined;
  readonly #closed: Promise<void>;

  constructor(frontPort: number) {
    this.socket = connect(frontPort, '127.0.0.1');
    this.socket.on('data', (chunk: Buffer) => {
      this.#seen += chunk.toString('latin1');
    });
    this.socket.once('error', (error) => {
      this.#error = error;
    });
    this.#closed = new Promise((resolve) => {
      this.socket.once('close', () => resolve());
    });
  }

  get seen(): string {
    return this.#seen;
  }

  upgrade(path: string, host = HOST): this {
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat\r\n\r\n`);
    return this;
  }

  async untilSeen(text: string): Promise<string> {
    while (!this.#seen.includes(text)) {
      if (this.socket.destroyed) throw new Error(`closed before '${text}' came; seen: ${this.#seen}`);
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.socket.off('data', done).off('close', done);
          resolve();
        };
        this.socket.on('data', done).on('close', done);
      });
    }
    return this.#seen;
  }

  /** How the connection ended: in order, or reset. */
  async untilClosed(): Promise<'ended' | 'reset'> {
    await this.#closed;
    return this.#error === undefined ? 'ended' : 'reset';
  }
}
