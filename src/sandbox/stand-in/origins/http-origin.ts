import { Agent as PlainAgent, request as requestPlain, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as SecureAgent, request as requestSecure, type RequestOptions as SecureRequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';

import type { TunnelRequest } from '../../edge/connector-side/ports.js';
import type { Header } from '../../edge/ports.js';
import type { OriginOptions } from '../ingress/origin-options.js';
import { answerHeaders, canonicalName, findHeader, flatten, withoutHeaders } from './headers.js';
import { goNetError } from '../net/go-net-error.js';
import { serverNameFor, type OriginTrust } from './origin-trust.js';

/** Where an HTTP origin listens. */
export type OriginPlace = { readonly isSecure: boolean } & ({ readonly hostname: string; readonly port: number } | { readonly socketPath: string });

/** Told once for each request: how the origin answered, or why it did not. */
export interface Outcome {
  answered(status: number): void;
  failed(reason: string): void;
}

const UNIX_HOST = 'localhost';

/** The stream of a WebSocket is no body of the request that opens it. */
const hasNoBody = (request: TunnelRequest): boolean => request.kind === 'websocket' || !request.hasBody;

/** An origin that speaks HTTP, with the connections to it that are kept open. */
export class HttpOrigin {
  readonly #place: OriginPlace;
  readonly #options: OriginOptions;
  readonly #agent: PlainAgent | SecureAgent;
  readonly #trust: OriginTrust;

  constructor(place: OriginPlace, options: OriginOptions, trust: OriginTrust) {
    this.#place = place;
    this.#options = options;
    this.#trust = trust;
    const pool = { keepAlive: true, maxFreeSockets: options.keepAliveConnections, timeout: options.keepAliveTimeout, keepAliveMsecs: options.tcpKeepAlive };
    this.#agent = place.isSecure ? new SecureAgent(pool) : new PlainAgent(pool);
  }

  close(): void {
    this.#agent.destroy();
  }

  serve(request: TunnelRequest, headers: readonly Header[], outcome: Outcome): void {
    this.#send(request, this.#requestHeaders(request, headers), outcome);
  }

  #requestHeaders(request: TunnelRequest, headers: readonly Header[]): Header[] {
    const { httpHostHeader } = this.#options;
    const kept = withoutHeaders(headers, 'connection', 'upgrade', 'transfer-encoding', 'sec-websocket-version', ...(httpHostHeader === '' ? [] : ['x-forwarded-host']));
    const shown: Header[] = [
      ['Host', httpHostHeader === '' ? request.host : httpHostHeader],
      ...kept.map(([name, value]): Header => [canonicalName(name), value]),
      ...(httpHostHeader === '' ? [] : [['X-Forwarded-Host', request.host] as const]),
    ];
    if (request.kind === 'websocket') return [...shown, ['Connection', 'Upgrade'], ['Upgrade', 'websocket'], ['Sec-Websocket-Version', '13']];
    const isChunked = !hasNoBody(request) && findHeader(headers, 'content-length') === undefined;
    return [...shown, ['Connection', 'keep-alive'], ...(isChunked ? [['Transfer-Encoding', 'chunked'] as const] : [])];
  }

  #open(request: TunnelRequest, headers: readonly Header[]): ClientRequest {
    const place = this.#place;
    const shared: RequestOptions = {
      method: request.method,
      path: request.path,
      headers: flatten(headers),
      agent: request.kind === 'websocket' ? false : this.#agent,
      setHost: false,
      ...('socketPath' in place ? { socketPath: place.socketPath } : { host: place.hostname, port: place.port }),
    };
    if (!place.isSecure) return requestPlain(shared);
    const servername = serverNameFor(this.#options, 'socketPath' in place ? UNIX_HOST : place.hostname, request.host);
    const secure: SecureRequestOptions = { ...shared, ...this.#trust, servername };
    return requestSecure(secure);
  }

  /** Not tried again where a kept connection turns out to be closed: neither does cloudflared, whose requests all have a body to Go. */
  #send(request: TunnelRequest, headers: readonly Header[], outcome: Outcome): void {
    const sent = this.#open(request, headers);
    const stop = (): void => {
      sent.destroy();
    };
    const settle = (): void => request.gone.removeEventListener('abort', stop);
    request.gone.addEventListener('abort', stop, { once: true });
    this.#limitConnecting(sent);
    sent.once('response', (response) => {
      settle();
      outcome.answered(response.statusCode ?? 502);
      passOn(request, response);
    });
    sent.once('upgrade', (response: IncomingMessage, socket: Duplex, head: Buffer) => {
      settle();
      outcome.answered(101);
      joinStreams(request, response, socket, head);
    });
    sent.once('error', (error) => {
      settle();
      outcome.failed(goNetError(error));
      request.fail();
    });
    if (hasNoBody(request)) sent.end();
    else request.body.pipe(sent);
  }

  #limitConnecting(sent: ClientRequest): void {
    const limitMs = this.#options.connectTimeout + (this.#place.isSecure ? this.#options.tlsTimeout : 0);
    sent.once('socket', (socket) => {
      if (!socket.connecting || limitMs <= 0) return;
      const deadline = setTimeout(() => sent.destroy(new Error('dial tcp: i/o timeout')), limitMs);
      const done = (): void => clearTimeout(deadline);
      socket.once(this.#place.isSecure ? 'secureConnect' : 'connect', done);
      socket.once('close', done);
    });
  }
}

function passOn(request: TunnelRequest, response: IncomingMessage): void {
  const out = request.respond(response.statusCode ?? 502, answerHeaders(response.rawHeaders));
  const stop = (): void => {
    response.destroy();
  };
  out.once('close', stop);
  out.once('error', stop);
  // An answer that breaks off must not look complete.
  response.once('error', () => request.fail());
  response.pipe(out);
}

function joinStreams(request: TunnelRequest, response: IncomingMessage, socket: Duplex, head: Buffer): void {
  const out = request.respond(101, answerHeaders(response.rawHeaders));
  const stop = (): void => {
    socket.destroy();
    out.end();
  };
  out.once('close', stop);
  out.once('error', stop);
  socket.once('close', stop);
  socket.once('error', stop);
  if (head.length > 0) out.write(head);
  socket.pipe(out);
  request.body.pipe(socket);
}
