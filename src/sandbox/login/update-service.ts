import type { RequestListener } from 'node:http';

export const UPDATE_HOST = 'update.argotunnel.com';

/** What several commands of cloudflared ask on the way: there is nothing newer. */
export const answerUpdateCheck: RequestListener = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({
    url: '', version: '', checksum: '', compressed: false, userMessage: '', shouldUpdate: false, error: '',
  }));
};
