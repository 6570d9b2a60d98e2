import { createServer, type IncomingMessage, type RequestListener } from 'node:http';

import { API_PREFIX } from './api/listener.js';
import { CONTROL_PREFIX } from './control/listener.js';
import { listen, type Listening } from './listen.js';

export interface FrontDeskOptions {
  readonly api: RequestListener;
  readonly control: RequestListener;
  readonly loginPage: RequestListener;
  readonly host: string;
  readonly port: number;
}

const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/u;

/** The one plain HTTP port on loopback: the API, the control API and the pages for a person. */
export async function startFrontDesk({ api, control, loginPage, host, port }: FrontDeskOptions): Promise<Listening> {
  return listen(createServer((request, response) => {
    const path = request.url ?? '/';
    if (path.startsWith(API_PREFIX)) {
      api(request, response);
    } else if (isForeign(request)) {
      response.writeHead(403, { 'content-type': 'text/plain' }).end('The sandbox answers its own machine only.\n');
    } else if (path.startsWith(CONTROL_PREFIX)) {
      control(request, response);
    } else {
      loginPage(request, response);
    }
  }), host, port);
}

/** A web page somewhere that a browser on this machine shows must not steer the sandbox. */
function isForeign({ headers }: IncomingMessage): boolean {
  const host = headers.host ?? '';
  return !LOOPBACK_HOST.test(host) || (headers.origin !== undefined && headers.origin !== `http://${host}`);
}
