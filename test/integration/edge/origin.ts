import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** The service behind a tunnel: answers by path, and says its name. */
export interface Origin {
  readonly url: string;
  /** Sockets of WebSockets that are open now. */
  readonly upgraded: ReadonlySet<Socket>;
  /** Requests that ended before they were answered. */
  readonly aborted: number;
  /** Bodies that came whole to `/digest`. */
  readonly digests: number;
  /** Bodies on their way there. */
  readonly uploading: number;
  close(): Promise<void>;
}

export async function startOrigin(name = 'origin'): Promise<Origin> {
  const upgraded = new Set<Socket>();
  let aborted = 0;
  let digests = 0;
  let uploading = 0;
  const server = createServer((request, response) => {
    response.once('close', () => {
      if (!response.writableFinished) aborted += 1;
    });
    if (request.url === '/digest') {
      uploading += 1;
      request.once('end', () => (digests += 1)).once('close', () => (uploading -= 1));
    }
    answer(name, request, response);
  });
  server.keepAliveTimeout = 120_000;
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    if (request.url === '/declined') {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 8\r\nX-Why: because\r\n\r\ndeclined');
      return;
    }
    upgraded.add(socket);
    socket.once('close', () => upgraded.delete(socket));
    const key = request.headers['sec-websocket-key'] ?? '';
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${request.headers['sec-websocket-protocol'] ?? ''}\r\n\r\n`);
    socket.unshift(head);
    if (request.url === '/cut') socket.resetAndDestroy();
    else socket.pipe(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    upgraded,
    get aborted() {
      return aborted;
    },
    get digests() {
      return digests;
    },
    get uploading() {
      return uploading;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        for (const socket of upgraded) socket.destroy();
      }),
  };
}

function answer(name: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://origin');
  const size = Number(url.searchParams.get('bytes') ?? 0);
  const waitMs = Number(url.searchParams.get('ms') ?? 0);
  switch (url.pathname) {
    case '/echo':
      response.writeHead(201, [['X-Seen', JSON.stringify({ method: request.method, url: request.url, headers: request.headers })], ['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2']].flat());
      request.pipe(response);
      return;
    case '/big':
      response.setHeader('content-length', size);
      sendZeroes(response, size);
      return;
    case '/digest': {
      const hash = createHash('sha256');
      request.on('data', (chunk: Buffer) => hash.update(chunk));
      request.once('end', () => response.end(hash.digest('hex')));
      return;
    }
    case '/slow':
      setTimeout(() => response.end(name), waitMs);
      return;
    case '/stream':
      streamLines(name, waitMs, response);
      return;
    case '/cut':
      response.write('half of ');
      setTimeout(() => response.destroy(), 20);
      return;
    case '/cut-length':
      // Enough that cloudflared passes it on before all is there.
      response.setHeader('content-length', 200_000);
      response.write(Buffer.alloc(100_000));
      setTimeout(() => response.destroy(), 20);
      return;
    case '/hang':
      response.write('begun');
      return;
    case '/early':
      response.writeHead(413);
      sendZeroes(response, size);
      return;
    case '/empty':
      response.writeHead(204).end();
      return;
    default:
      response.end(name);
  }
}

/** `name`, then ten dots over the time, then `END`. */
function streamLines(name: string, waitMs: number, response: ServerResponse): void {
  let dots = 0;
  response.write(name);
  const timer = setInterval(() => {
    dots += 1;
    response.write('.');
    if (dots === 10) response.end('END');
  }, waitMs / 10);
  response.once('close', () => clearInterval(timer));
}

function sendZeroes(response: ServerResponse, left: number): void {
  let rest = left;
  const more = (): void => {
    while (rest > 0) {
      const chunk = Buffer.alloc(Math.min(rest, 65_536));
      rest -= chunk.byteLength;
      if (!response.write(chunk)) {
        response.once('drain', more);
        return;
      }
    }
    response.end();
  };
  more();
}
