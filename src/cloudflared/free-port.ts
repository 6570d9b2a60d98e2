import { createServer } from 'node:net';

/**
 * A port on loopback that nobody listens on now. Somebody else may take it before the connector does: then the
 * connector ends at once, and another is chosen.
 */
export async function chooseFreePort(): Promise<number> {
  return await listenOn(0);
}

/** Whether somebody listens on this port of loopback. */
export async function isPortTaken(port: number): Promise<boolean> {
  try {
    await listenOn(port);
    return false;
  } catch {
    return true; // EADDRINUSE; or nobody may listen there, which is the same to us.
  }
}

async function listenOn(port: number): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}
