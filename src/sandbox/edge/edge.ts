import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { acceptConnector } from './accept-connector.js';
import { ConnectionRegistry } from './connection-registry.js';
import type { DialMode, Edge, EdgeOptions } from './ports.js';

const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Sockets at once, registered or not: bounds what a looping connector can take. */
const MAX_SOCKETS = 1024;

/** Starts the connectors' side of the edge. It listens when the promise resolves. */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const host = options.host ?? '127.0.0.1';
  const registry = new ConnectionRegistry();
  const location = options.location ?? 'LAX';
  const context = { registry, authorize: options.authorize, location };
  const sockets = new Set<Socket>();
  let mode: DialMode = 'serve';

  // Never listens itself: the dial mode decides which sockets get to the handshake. Failed ones it closes by itself.
  const tls = createTlsServer({ key: options.key, cert: options.cert, handshakeTimeout: HANDSHAKE_TIMEOUT_MS }, (socket) => acceptConnector(socket, context));

  const accept = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // A peer that resets or vanishes is its own business; 'close' follows.
    socket.on('error', () => socket.destroy());
    if (mode === 'reset' || sockets.size > MAX_SOCKETS) socket.resetAndDestroy();
    // In a blackhole it is kept and never read.
    else if (mode !== 'blackhole') tls.emit('connection', socket.setNoDelay(true));
  };

  const listeners: Listener[] = [];
  for (const port of options.ports ?? [0]) listeners.push(await Listener.open(accept, host, port));

  return {
    location,
    addresses: listeners.map((listener) => `${host}:${listener.port}`),
    connections: (tunnelId) => registry.list(tunnelId),
    subscribe: (listener) => registry.subscribe(listener),
    waitUntil: (condition, signal) => registry.waitUntil(condition, signal),
    openRequest: (tunnelId, headers, bodiless) => registry.openRequest(tunnelId, headers, bodiless),
    drop: (matches) => registry.drop(matches),
    setDialMode: async (next) => {
      mode = next;
      for (const listener of listeners) await (next === 'refuse' ? listener.stop() : listener.resume());
    },
    close: async () => {
      const stopped = listeners.map((listener) => listener.stop());
      for (const socket of sockets) socket.destroy();
      await Promise.all(stopped);
    },
  };
}

/** A listening port that can be given up and taken again, leaving the connections that came through it alone. */
class Listener {
  readonly port: number;
  readonly #host: string;
  readonly #server: Server;

  private constructor(server: Server, host: string) {
    this.#server = server;
    this.#host = host;
    this.port = (server.address() as AddressInfo).port;
  }

  static async open(accept: (socket: Socket) => void, host: string, port: number): Promise<Listener> {
    const server = createServer(accept);
    await listen(server, host, port);
    return new Listener(server, host);
  }

  /** `close` waits for connections, which is not wanted here: nobody listens once it has been called. */
  stop(): Promise<void> {
    if (this.#server.listening) this.#server.close();
    return Promise.resolve();
  }

  async resume(): Promise<void> {
    if (!this.#server.listening) await listen(this.#server, this.#host, this.port);
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}
