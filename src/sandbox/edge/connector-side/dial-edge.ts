import { connect, type TLSSocket } from 'node:tls';
import { EDGE_SERVER_NAME } from '../internal-headers.js';
import { EdgeUnreachable, type OpenConnectionOptions } from './ports.js';

/** As cloudflared's own. */
const DIAL_TIMEOUT_MS = 15_000;

/** TLS to the edge, its certificate checked. Rejects with EdgeUnreachable, or the signal's reason. */
export function dialEdge({ edge, ca, signal }: Pick<OpenConnectionOptions, 'edge' | 'ca' | 'signal'>): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const address = `${edge.host}:${edge.port}`;
    const socket = connect({ host: edge.host, port: edge.port, servername: EDGE_SERVER_NAME, ...(ca === undefined ? {} : { ca }) });
    const settle = (outcome: () => void): void => {
      clearTimeout(deadline);
      signal?.removeEventListener('abort', giveUp);
      socket.removeListener('close', closed);
      outcome();
    };
    const fail = (error: unknown): void =>
      settle(() => {
        socket.destroy();
        reject(error);
      });
    const giveUp = (): void => fail(signal?.reason);
    const closed = (): void => fail(new EdgeUnreachable(`the edge at ${address} closed the connection`));
    const deadline = setTimeout(() => fail(new EdgeUnreachable(`the edge at ${address} did not answer within ${DIAL_TIMEOUT_MS / 1000} s`)), DIAL_TIMEOUT_MS);
    // Stays for the life of the socket: later errors end the session on it, which is where they are noticed.
    socket.on('error', (cause: Error) => fail(new EdgeUnreachable(`the edge at ${address} cannot be reached: ${cause.message}`, { cause })));
    socket.once('close', closed);
    socket.once('secureConnect', () => settle(() => resolve(socket)));
    socket.setNoDelay(true);
    signal?.addEventListener('abort', giveUp);
    if (signal?.aborted === true) giveUp();
  });
}
