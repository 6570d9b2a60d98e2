import { randomBytes } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';

import type { FaultScript } from '../fault-script.js';
import { Refusal, REFUSALS, refusal } from '../world/refusals.js';
import type { ConnectionsPort, World } from '../world/world.js';
import { authenticate, authorise, findRoute } from './dispatch.js';
import { failureEnvelope, successEnvelope, type Envelope } from './envelope.js';
import { takeApiFault, type ApiFault, type ApiFaultRule } from './faults.js';
import type { RateLimit } from './rate-limit.js';
import { readJson } from './read-body.js';
import type { RequestLog } from './request-log.js';
import { parseBody } from './route.js';

export interface ApiOptions {
  readonly world: World;
  readonly connections: ConnectionsPort;
  readonly faults: FaultScript<ApiFaultRule>;
  readonly rateLimit: RateLimit;
  readonly requests: RequestLog;
  readonly now: () => number;
}

export const API_PREFIX = '/client/v4/';

interface Reply {
  readonly status: number;
  readonly envelope: Envelope;
  readonly retryAfterS?: number | undefined;
}

/** The API under `/client/v4`, as a listener: served on loopback, and to whoever comes through the proxy. */
export function createApiListener(options: ApiOptions): RequestListener {
  return (request, response) => {
    serve(options, request, response).catch((error: unknown) => {
      // The client went away in the middle of its request, or a fault cut it off: there is nobody to tell.
      response.destroy(error instanceof Error ? error : undefined);
    });
  };
}

async function serve(options: ApiOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://sandbox');
  const method = request.method ?? 'GET';
  const path = url.pathname.startsWith(API_PREFIX) ? url.pathname.slice(API_PREFIX.length) : url.pathname;
  const fault = takeApiFault(options.faults, method, path);
  // Logged when it is over, whichever way: a test that has its answer finds the request here.
  let status: number | null = null;
  const log = (): void => {
    options.requests.add({ at: options.now(), method, path, query: url.search.slice(1), status, fault: fault?.kind ?? null });
    options.world.changes.announce();
  };

  if (fault?.kind === 'slow') await delay(fault.delayMs, undefined, { ref: false });
  if (fault?.kind === 'hang') {
    log();
    return;
  }
  if (fault?.kind === 'refuse') {
    log();
    reset(request);
    return;
  }
  if (fault?.kind === 'html') {
    status = fault.status ?? 200;
    log();
    response.writeHead(status, { 'content-type': 'text/html; charset=UTF-8' }).end('<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>');
    return;
  }

  const reply = fault?.kind === 'status' ? replyOfFault(fault) : await answer(options, request, method, path, url.searchParams);
  if (fault?.kind === 'cut-off') {
    log();
    reset(request);
    return;
  }
  status = reply.status;
  log();
  send(response, reply, fault?.kind === 'truncate');
}

async function answer({ world, connections, rateLimit }: ApiOptions, request: IncomingMessage, method: string, path: string, query: URLSearchParams): Promise<Reply> {
  try {
    const waitS = rateLimit.take();
    if (waitS !== undefined) return { ...replyOfRefusal(refusal('THROTTLED')), retryAfterS: waitS };
    const body = await readJson(request);
    const token = authenticate(world, request.headers.authorization);
    const found = findRoute(method, path);
    authorise(world, token, found);
    const { result, resultInfo } = found.route.answer({
      world,
      connections,
      token,
      query,
      param: (name) => found.params.get(name) ?? '',
      body: (schema) => parseBody(body, schema),
    });
    return { status: 200, envelope: successEnvelope(result, resultInfo) };
  } catch (error) {
    if (error instanceof Refusal) return replyOfRefusal(error);
    // A fault of the sandbox itself: said where whoever asks will see it.
    return replyOfFault({ kind: 'status', status: 500, message: String(error) });
  }
}

const replyOfRefusal = ({ status, problems }: Refusal): Reply => ({ status, envelope: failureEnvelope(problems) });

/** What Cloudflare usually says with a status, where the script does not say. */
function replyOfFault(fault: ApiFault & { readonly kind: 'status' }): Reply {
  const usual = {
    401: REFUSALS.TOKEN_UNKNOWN, 403: REFUSALS.RIGHT_MISSING, 429: REFUSALS.THROTTLED,
  }[fault.status] ?? { code: 1000, message: 'An internal error has occurred. Please try again later.' };
  return {
    status: fault.status,
    envelope: failureEnvelope([{ code: fault.code ?? usual.code, message: fault.message ?? usual.message }]),
    retryAfterS: fault.retryAfterS,
  };
}

function send(response: ServerResponse, { status, envelope, retryAfterS }: Reply, half: boolean): void {
  const body = Buffer.from(JSON.stringify(envelope));
  response.writeHead(status, {
    // Exactly this, without a charset: cloudflared reads the errors of no other.
    'content-type': 'application/json',
    'content-length': body.length,
    'cf-ray': `${randomBytes(8).toString('hex')}-LAX`,
    ...(retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) }),
  });
  if (!half) response.end(body);
  else response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy());
}

/** A reset and not an end: what a broken network or a killed proxy looks like. A TLS socket cannot be reset by itself. */
function reset({ socket }: IncomingMessage): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}
