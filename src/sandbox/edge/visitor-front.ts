import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { carryRequest, type OpenStream } from './carry-request.js';
import { carryWebSocket, responseOn } from './carry-upgrade.js';
import { answerWithError, EDGE_ERRORS, type EdgeError } from './error-page.js';
import type { VisitorFront, VisitorFrontOptions } from './ports.js';
import { newRay, toTunnelHeaders } from './visitor-headers.js';

/** Longer than a visitor's own, so that it is the visitor who gives up an idle connection and not both at once. */
const KEEP_ALIVE_MS = 120_000;
const MAX_CONNECTIONS = 10_000;

/** Starts the visitors' side of the edge: plain HTTP on loopback, the name wanted in the Host header. */
export async function startVisitorFront(options: VisitorFrontOptions): Promise<VisitorFront> {
  const host = options.host ?? '127.0.0.1';
  const sockets = new Set<Socket>();
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0, noDelay: true });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });

  server.on('request', (request, response) => {
    const ray = newRay(options.edge.location);
    const way = findWay(request, options, ray, 'http');
    if (way.kind === 'error') answerWithError(request, response, way.error, ray);
    else carryRequest(request, response, way.open, ray);
  });

  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    // Node has taken its own listener off.
    socket.on('error', () => socket.destroy());
    socket.unshift(head);
    const ray = newRay(options.edge.location);
    const isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket';
    const way = findWay(request, options, ray, isWebSocket ? 'websocket' : 'http');
    if (way.kind === 'error') answerWithError(request, responseOn(request, socket), way.error, ray);
    else if (isWebSocket) carryWebSocket(request, socket, way.open, ray);
    // Any other protocol (HTTP/2 is offered by some clients) may be declined by answering as ever.
    else carryRequest(request, responseOn(request, socket), way.open, ray);
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://${host}:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

type Way = { readonly kind: 'open'; readonly open: OpenStream } | { readonly kind: 'error'; readonly error: EdgeError };

/** From the visitor's Host header to the connectors that may answer. */
function findWay(request: IncomingMessage, { edge, lookUpHost }: VisitorFrontOptions, ray: string, kind: 'http' | 'websocket'): Way {
  const host = request.headers.host ?? '';
  const hostname = host.toLowerCase().replace(/:\d*$/u, '').replace(/\.$/u, '');
  if (hostname === '') return { kind: 'error', error: EDGE_ERRORS.noHost };
  const target = lookUpHost(hostname);
  if (target.kind === 'none') return { kind: 'error', error: EDGE_ERRORS.noRecord };
  if (target.kind === 'elsewhere') return { kind: 'error', error: EDGE_ERRORS.elsewhere };
  const headers = toTunnelHeaders(request, host, ray, kind);
  return { kind: 'open', open: (bodiless) => edge.openRequest(target.tunnelId, headers, bodiless) };
}
