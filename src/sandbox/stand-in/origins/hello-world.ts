import type { TunnelRequest } from '../../edge/connector-side/ports.js';

const startedAt = new Date();

function contentFor(path: string): readonly [type: string, body: string] {
  switch (path) {
    case '/_health':
      return ['text/plain; charset=utf-8', 'ok'];
    case '/uptime':
      return ['application/json', JSON.stringify({ startTime: startedAt.toISOString(), uptime: `${(Date.now() - startedAt.getTime()) / 1000}s` })];
    default:
      return ['text/html; charset=utf-8', '<!DOCTYPE html>\n<title>Tunnel test page</title>\n<h1>This tunnel works</h1>\n<p>The connector answers by itself.</p>\n'];
  }
}

/** The origin that a connector brings along: a page that shows that the tunnel works. */
export function serveHelloWorld(request: TunnelRequest): number {
  const [type, body] = contentFor(request.path.split('?')[0] ?? '/');
  const out = request.respond(200, [['Content-Type', type], ['Content-Length', String(Buffer.byteLength(body))]]);
  if (request.method === 'HEAD') out.end();
  else out.end(body);
  return 200;
}
