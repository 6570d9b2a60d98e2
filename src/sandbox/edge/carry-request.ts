import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ClientHttp2Stream } from 'node:http2';
import { cutStreamSoon } from './cut-stream.js';
import { deliverAnswer } from './deliver-answer.js';
import { answerWithError, EDGE_ERRORS } from './error-page.js';
import { awaitAnswer } from './tunnel-answer.js';

/** Opens the visitor's request towards a connector; undefined where the tunnel has none (any more). */
export type OpenStream = (bodiless: boolean) => ClientHttp2Stream | undefined;

/** How often a request that no connector looked at is opened again. */
const MAX_REOPENED = 3;

/** Carries one request through the tunnel and its answer back, both as streams. */
export function carryRequest(request: IncomingMessage, response: ServerResponse, open: OpenStream, ray: string, reopened = 0): void {
  const bodiless = !hasBody(request);
  const stream = open(bodiless);
  if (stream === undefined) {
    answerWithError(request, response, EDGE_ERRORS.noConnector, ray);
    return;
  }
  const leave = (): void => {
    // The visitor hung up: the origin need not go on.
    if (!response.writableFinished) cutStreamSoon(stream, 'the visitor hung up');
  };
  response.once('close', leave);
  if (!bodiless) sendBody(request, stream);
  awaitAnswer(stream, (answer) => {
    if (response.destroyed) return;
    if (answer.kind === 'lost' && answer.refused && bodiless && reopened < MAX_REOPENED) {
      response.removeListener('close', leave);
      // Not from within the stream's own end, where the session may be closing it still.
      setImmediate(carryRequest, request, response, open, ray, reopened + 1);
      return;
    }
    deliverAnswer(stream, request, response, answer, ray);
  });
}

const hasBody = (request: IncomingMessage): boolean =>
  request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;

function sendBody(request: IncomingMessage, stream: ClientHttp2Stream): void {
  request.pipe(stream);
  stream.once('close', () => {
    // Answered before it was read: the rest must still be taken off the visitor's connection.
    request.unpipe(stream);
    request.resume();
  });
}
