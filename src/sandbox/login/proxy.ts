import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';

import type { IssuedCertificate } from '../certificates.js';
import { listen, type Listening } from '../listen.js';

export interface ProxyOptions {
  /** For all the host names. */
  readonly certificate: IssuedCertificate;
  /** Who answers for which host name. */
  readonly hosts: ReadonlyMap<string, RequestListener>;
  readonly host: string;
  readonly port: number;
}

const HTTPS_PORT = '443';

/**
 * The proxy that `HTTPS_PROXY` names. It leads nowhere: for the host names of Cloudflare that it knows it ends the
 * TLS itself, with a certificate of the sandbox's own authority, and everything else it refuses. So what is
 * pointed at the sandbox reaches neither Cloudflare nor anybody else.
 */
export async function startProxy({ certificate, hosts, host, port }: ProxyOptions): Promise<Listening> {
  const inside = createTlsServer(certificate, (request, response) => {
    const name = hostOf(request.headers.host ?? '').name;
    const listener = hosts.get(name);
    if (listener === undefined) response.writeHead(421).end();
    else listener(request, response);
  });

  const outside = createServer((_request, response) => {
    response.writeHead(403, { 'content-type': 'text/plain' }).end('The sandbox is no way out: it answers for a few host names of Cloudflare over HTTPS only.\n');
  });
  const tunnelled = new Set<Duplex>();
  outside.on('connect', (request, socket, head: Buffer) => {
    // A client that goes away in the middle is nobody's fault.
    socket.on('error', () => socket.destroy());
    const target = hostOf(request.url ?? '');
    if (!hosts.has(target.name) || target.port !== HTTPS_PORT) {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      return;
    }
    tunnelled.add(socket);
    socket.once('close', () => tunnelled.delete(socket));
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    if (head.length > 0) socket.unshift(head);
    inside.emit('connection', socket);
  });

  const listening = await listen(outside, host, port);
  return {
    ...listening,
    close: async () => {
      for (const socket of tunnelled) socket.destroy();
      inside.closeAllConnections();
      await listening.close();
    },
  };
}

function hostOf(authority: string): { readonly name: string; readonly port: string } {
  const [, name = '', port = HTTPS_PORT] = /^([^:]*)(?::(\d+))?$/u.exec(authority) ?? [];
  return { name: name.toLowerCase(), port };
}
