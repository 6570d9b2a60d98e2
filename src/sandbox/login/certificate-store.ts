import type { RequestListener, ServerResponse } from 'node:http';

import { toLoginKey } from './login-url.js';
import type { Logins } from './logins.js';

/** What cloudflared polls at `https://login.cloudflareaccess.org/<key>` until somebody has authorised. */
export function createCertificateStore(logins: Logins): RequestListener {
  return (request, response) => {
    const key = toLoginKey(decodeURIComponent((request.url ?? '/').slice(1)));
    if (request.method !== 'GET' || key === undefined) {
      response.writeHead(404).end();
      return;
    }
    answerPoll(logins, key, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined);
    });
  };
}

async function answerPoll(logins: Logins, key: string, response: ServerResponse): Promise<void> {
  const hangUp = new AbortController();
  response.once('close', () => {
    hangUp.abort();
    // A poll that was answered is followed by the next one; only one that was not is the end of the login.
    if (!response.writableEnded) logins.abandon(key);
  });
  const answer = await logins.poll(key, hangUp.signal);
  switch (answer.kind) {
    case 'certificate':
      response.writeHead(200, { 'content-type': 'application/x-pem-file' }).end(answer.body);
      return;
    case 'not-yet':
      response.writeHead(404, { 'content-type': 'text/plain' }).end();
      return;
    case 'server-error':
      response.writeHead(503, { 'content-type': 'text/plain' }).end('upstream connect error');
      return;
    case 'reset':
      response.destroy();
      return;
    case 'silence':
      // Until cloudflared hangs up.
      return;
  }
}
