import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ClientHttp2Stream } from 'node:http2';
import { cameWhole } from './cut-stream.js';
import { answerWithError, EDGE_ERRORS } from './error-page.js';
import type { OriginAnswer, TunnelAnswer } from './tunnel-answer.js';
import { findHeader, toVisitorHeaders } from './visitor-headers.js';

/** Gives the visitor what came through the tunnel, or says in Cloudflare's way that nothing did. */
export function deliverAnswer(stream: ClientHttp2Stream, request: IncomingMessage, response: ServerResponse, answer: TunnelAnswer, ray: string): void {
  if (answer.kind === 'origin') {
    deliverBody(stream, request, response, answer, ray);
    return;
  }
  stream.resume();
  answerWithError(request, response, EDGE_ERRORS.badConnector, ray);
}

/** A body that was cut on the way must look cut to the visitor. */
function deliverBody(stream: ClientHttp2Stream, request: IncomingMessage, response: ServerResponse, { status, headers }: OriginAnswer, ray: string): void {
  const length = findHeader(headers, 'content-length');
  let missing = expectedBytes(request, status, length);
  response.writeHead(status, toVisitorHeaders(headers, ray, 'answer'));
  response.flushHeaders();
  stream.on('data', (chunk: Buffer) => {
    missing -= chunk.byteLength;
    if (!response.write(chunk)) stream.pause();
  });
  response.on('drain', () => stream.resume());
  // Not at 'end': only 'close' knows whether the body was cut.
  stream.once('close', () => {
    if (cameWhole(stream) && missing <= 0) response.end();
    else cutResponse(response, length !== undefined || response.chunkedEncoding);
  });
}

/**
 * Where length or chunks tell how much there should be, an end too early is told by itself, and what came before
 * arrives. Elsewhere (HTTP/1.0) only a reset tells.
 */
function cutResponse(response: ServerResponse, isDelimited: boolean): void {
  if (isDelimited) response.destroy();
  else response.socket?.resetAndDestroy();
}

/** At least so many; where HTTP forbids a body, the length only says what there would be. */
function expectedBytes(request: IncomingMessage, status: number, length: string | undefined): number {
  const bodiless = request.method === 'HEAD' || status === 204 || status === 304;
  return bodiless || length === undefined ? 0 : Number(length);
}
