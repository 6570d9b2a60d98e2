import type { RequestListener, ServerResponse } from 'node:http';

import type { Zones } from '../world/zones.js';
import type { Logins } from './logins.js';
import { authorisedPage, authorisePage, pendingPage, unknownLoginPage } from './page-html.js';

const FORM_MAX_BYTES = 16 * 1024;

/** The pages for a person: `/` lists what waits, `/argotunnel?callback=…` is where cloudflared's URL leads. */
export function createLoginPage(logins: Logins, zones: Zones): RequestListener {
  const names = zones.all().map((zone) => zone.name);
  return (request, response) => {
    const url = new URL(request.url ?? '/', 'http://sandbox');
    if (request.method === 'POST' && url.pathname === '/argotunnel') {
      readForm(request).then((form) => {
        const login = logins.authorise(form.get('login') ?? '', form.get('zone') ?? undefined);
        return login === undefined ? sendPage(response, 404, unknownLoginPage()) : sendPage(response, 200, authorisedPage(login));
      }).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : undefined);
      });
    } else if (request.method === 'GET' && url.pathname === '/argotunnel') {
      const login = logins.visit(url.href);
      if (login === undefined) sendPage(response, 404, unknownLoginPage());
      else sendPage(response, 200, authorisePage(login, names));
    } else if (request.method === 'GET' && url.pathname === '/') {
      sendPage(response, 200, pendingPage(logins.list().filter(({ state }) => state === 'waiting'), names));
    } else {
      response.writeHead(404).end();
    }
  };
}

async function readForm(request: AsyncIterable<Buffer>): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > FORM_MAX_BYTES) throw new RangeError('The form is too large.');
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}

function sendPage(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    'cache-control': 'no-store',
  }).end(html);
}
