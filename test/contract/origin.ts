import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, ListenOptions } from 'node:net';
import type { Duplex } from 'node:stream';

import type { TestContext } from 'vitest';

import type { IssuedCertificate } from '../../src/sandbox/certificates.js';

/** What listens behind a connector. */
export interface Origin {
  readonly server: Server;
  readonly port: number;
  /** Requests that wait for `release`, by their path, as soon as they are there. */
  untilWaiting(path: string): Promise<void>;
  /** Lets the request of this path be answered. */
  release(path: string): void;
}

const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

class Waiters {
  readonly #waiting = new Map<string, ServerResponse>();
  readonly #arrivals = new Map<string, () => void>();

  hold(path: string, response: ServerResponse): void {
    this.#waiting.set(path, response);
    this.#arrivals.get(path)?.();
  }

  async untilWaiting(path: string): Promise<void> {
    if (this.#waiting.has(path)) return;
    await new Promise<void>((resolve) => this.#arrivals.set(path, resolve));
  }

  release(path: string): void {
    this.#waiting.get(path)?.end('released');
  }
}

/**
 * `/wait…`: answered when released. `/stream…`: the first half at once, the rest when released. `/status/…`: that status,
 * without a body. Else headers and body, told back. A WebSocket: echoes bytes as they come, without looking into frames.
 */
function answer(waiters: Waiters): RequestListener {
  return (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? '/';
    if (path.startsWith('/stream')) {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write('first ');
    }
    if (path.startsWith('/wait') || path.startsWith('/stream')) {
      waiters.hold(path, response);
      return;
    }
    if (path.startsWith('/status/')) {
      response.writeHead(Number(path.split('/')[2]), { 'Content-Length': request.method === 'HEAD' ? '5' : '0' }).end();
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      response.setHeader('Content-Type', 'application/json');
      response.setHeader('Set-Cookie', ['a=1', 'b=2']);
      response.setHeader('X-Origin', 'yes');
      response.end(JSON.stringify({ method: request.method, path, headers: request.headers, body: Buffer.concat(chunks).toString() }));
    });
  };
}

function upgrade(request: IncomingMessage, socket: Duplex): void {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key'] ?? ''}${KEY_SUFFIX}`).digest('base64');
  socket.on('error', () => socket.destroy());
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.pipe(socket);
}

export async function startOrigin({ onTestFinished }: Pick<TestContext, 'onTestFinished'>, place: ListenOptions = { port: 0, host: '127.0.0.1' }, certificate?: IssuedCertificate): Promise<Origin> {
  const waiters = new Waiters();
  const server = certificate === undefined ? createServer(answer(waiters)) : createTlsServer(certificate, answer(waiters));
  server.on('upgrade', upgrade);
  const sockets = new Set<Duplex>();
  server.on('connection', (socket: Duplex) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(place);
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  return {
    server,
    port: typeof address === 'object' && address !== null ? (address satisfies AddressInfo).port : 0,
    untilWaiting: (path) => waiters.untilWaiting(path),
    release: (path) => waiters.release(path),
  };
}
