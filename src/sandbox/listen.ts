import { once } from 'node:events';
import type { Server } from 'node:http';

export interface Listening {
  readonly port: number;
  /** `host:port` */
  readonly address: string;
  /** Stops listening and cuts every connection. */
  close(): Promise<void>;
}

/** Listens on loopback; 0 is any free port. Rejects with a sentence that names the port where it is taken. */
export async function listen(server: Server, host: string, port: number): Promise<Listening> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    throw new Error(`The sandbox cannot listen on ${host}:${port}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('The server does not listen on TCP.');
  return {
    port: address.port,
    address: `${host}:${address.port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        // "Not running" is what was wanted.
        server.close(() => resolve());
      });
    },
  };
}
