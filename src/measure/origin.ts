import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How long `/slow` and `/stream` take, ms. */
export const SLOW_MS = 2_000;
const STREAM_CHUNKS = 20;
/** Ends every body, so that a truncated one is told from a whole one. */
const END = '<end>';

export interface Origin {
  readonly name: string;
  readonly url: string;
  close(): Promise<void>;
}

/** A local HTTP service that answers with its name: at once, after two seconds (`/slow`), or over two seconds (`/stream`). */
export async function startOrigin(name: string): Promise<Origin> {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/plain');
    if (request.url === '/slow') {
      setTimeout(() => response.end(wholeBody(name)), SLOW_MS);
    } else if (request.url === '/stream') {
      stream(response, name);
    } else {
      response.end(wholeBody(name));
    }
  });
  await listen(server);
  const { port } = server.address() as AddressInfo;
  return {
    name,
    url: `http://127.0.0.1:${String(port)}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** The body that a service of this name gives for `/` and `/slow`. */
export const wholeBody = (name: string): string => `${name}${END}`;
/** The body that a service of this name gives for `/stream`. */
export const streamedBody = (name: string): string => `${name}\n`.repeat(STREAM_CHUNKS) + END;

function stream(response: ServerResponse, name: string): void {
  let sent = 0;
  const timer = setInterval(() => {
    if (sent < STREAM_CHUNKS) {
      response.write(`${name}\n`);
      sent += 1;
      return;
    }
    clearInterval(timer);
    response.end(END);
  }, SLOW_MS / STREAM_CHUNKS);
  response.on('close', () => clearInterval(timer));
}

async function listen(server: Server): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
}
