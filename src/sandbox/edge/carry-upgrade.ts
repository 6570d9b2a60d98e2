import { type IncomingMessage, ServerResponse } from 'node:http';
import { type ClientHttp2Stream, constants } from 'node:http2';
import type { Socket } from 'node:net';
import type { OpenStream } from './carry-request.js';
import { cameWhole, cutStreamSoon } from './cut-stream.js';
import { deliverAnswer } from './deliver-answer.js';
import { answerWithError, EDGE_ERRORS } from './error-page.js';
import { awaitAnswer, type OriginAnswer, type TunnelAnswer } from './tunnel-answer.js';
import { findHeader, toVisitorHeaders } from './visitor-headers.js';

/** Carries a WebSocket through the tunnel: the handshake as a request, then bytes both ways. */
export function carryWebSocket(request: IncomingMessage, socket: Socket, open: OpenStream, ray: string): void {
  const stream = open(false);
  if (stream === undefined) {
    answerWithError(request, responseOn(request, socket), EDGE_ERRORS.noConnector, ray);
    return;
  }
  socket.once('close', (hadError) => {
    // A visitor who ended in order has been told on by the pipe; one who vanished has not.
    if (hadError || !socket.readableEnded) cutStreamSoon(stream, 'the visitor hung up');
  });
  awaitAnswer(stream, (answer) => {
    if (socket.destroyed) return;
    if (isUpgrade(answer)) {
      joinStreams(stream, socket, answer, ray);
    } else {
      stream.end();
      deliverAnswer(stream, request, responseOn(request, socket), answer, ray);
    }
  });
}

/** An ordinary response on a socket that Node has handed out for an upgrade; the socket ends with it. */
export function responseOn(request: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  socket.on('drain', () => response.emit('drain'));
  response.once('finish', () => socket.end());
  return response;
}

/** The 101 came as 200: its headers tell it from an origin that declined. */
const isUpgrade = (answer: TunnelAnswer): answer is OriginAnswer =>
  answer.kind === 'origin' && answer.status === 200 && findHeader(answer.headers, 'upgrade') !== undefined;

function joinStreams(stream: ClientHttp2Stream, socket: Socket, answer: OriginAnswer, ray: string): void {
  const headers = toVisitorHeaders(answer.headers, ray, 'upgrade');
  const lines = headers.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${headers[index + 1] ?? ''}`] : []));
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  socket.pipe(stream);
  stream.pipe(socket, { end: false });
  stream.once('end', () => {
    if (stream.rstCode === constants.NGHTTP2_NO_ERROR) socket.end();
  });
  stream.once('close', () => {
    if (cameWhole(stream)) socket.end();
    else socket.resetAndDestroy();
  });
}
