import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

import { readJson } from '../api/read-body.js';
import { matchPath, parseBody } from '../api/route.js';
import { Refusal } from '../world/refusals.js';
import { ControlRefusal } from './route.js';
import { CONTROL_ROUTES } from './routes.js';
import type { ControlTarget } from './target.js';

export const CONTROL_PREFIX = '/control/';

/** The control API (see routes.ts), as a listener. Errors are `{"error":"…"}`. */
export function createControlListener(target: ControlTarget): RequestListener {
  return (request, response) => {
    answer(target, request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined);
    });
  };
}

async function answer(target: ControlTarget, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://sandbox');
  const path = url.pathname.slice(CONTROL_PREFIX.length);
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    const body = await readJson(request);
    const { route, params } = findRoute(request.method ?? 'GET', path);
    const result = await route.answer({
      target,
      query: url.searchParams,
      signal: gone.signal,
      param: (name) => params.get(name) ?? '',
      body: (schema) => parseBody(body === undefined ? {} : body, schema),
    });
    if (request.method !== 'GET') target.world.changes.announce();
    sendJson(response, result === undefined ? 204 : 200, result);
  } catch (error) {
    if (!(error instanceof ControlRefusal || error instanceof Refusal)) throw error;
    sendJson(response, error.status, { error: error.message });
  }
}

function findRoute(method: string, path: string): { readonly route: (typeof CONTROL_ROUTES)[number]; readonly params: ReadonlyMap<string, string> } {
  for (const route of CONTROL_ROUTES) {
    const params = route.method === method ? matchPath(route.path, path) : undefined;
    if (params !== undefined) return { route, params };
  }
  throw new ControlRefusal(404, `There is no ${method} /control/${path}.`);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  if (value === undefined) response.writeHead(status).end();
  else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
