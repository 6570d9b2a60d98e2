import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Writable } from 'node:stream';
import { cutStream } from '../cut-stream.js';
import { isControlHeader, META_CONNECTOR, META_HEADER, META_ORIGIN, PACKED_HEADERS, packHeaders, UPGRADE_HEADER, WEBSOCKET } from '../internal-headers.js';
import type { Header } from '../ports.js';
import type { TunnelRequest } from './ports.js';
import { readBody } from './request-body.js';

/** Decodes a request of the edge and hands it on. `rawHeaders` are name and value by turns. */
export function receiveRequest(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: readonly string[], onRequest: (request: TunnelRequest) => void): void {
  const upgrade = headers[UPGRADE_HEADER];
  if (upgrade !== undefined && upgrade !== WEBSOCKET) {
    answerOurselves(stream);
    return;
  }
  const gone = new AbortController();
  stream.once('close', () => {
    if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) gone.abort(new Error('the visitor is gone'));
  });
  onRequest({
    kind: upgrade === WEBSOCKET ? 'websocket' : 'http',
    method: headers[':method'] ?? 'GET',
    path: headers[':path'] ?? '/',
    host: headers[':authority'] ?? headers.host ?? '',
    headers: plainHeaders(rawHeaders),
    body: readBody(stream),
    hasBody: !stream.endAfterHeaders,
    gone: gone.signal,
    respond: (status, originHeaders) => respond(stream, status, originHeaders),
    fail: () => answerOurselves(stream),
  });
}

/** Without the pseudo headers and the one that is meant for us. */
function plainHeaders(rawHeaders: readonly string[]): Header[] {
  const headers: Header[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2);
    if (!name.startsWith(':') && name !== UPGRADE_HEADER && name !== 'host') headers.push([name, value]);
  }
  return headers;
}

function respond(stream: ServerHttp2Stream, status: number, originHeaders: readonly Header[]): Writable {
  if (stream.destroyed || stream.headersSent) return stream;
  const length = originHeaders.find(([name]) => name.toLowerCase() === 'content-length');
  const headers: OutgoingHttpHeaders = {
    // HTTP/2 has no 101; the packed headers tell the edge that it was one.
    ':status': status === 101 ? 200 : status,
    [PACKED_HEADERS]: packHeaders(originHeaders.filter(([name]) => !isControlHeader(name))),
    [META_HEADER]: META_ORIGIN,
  };
  if (length !== undefined) headers['content-length'] = length[1];
  stream.respond(headers);
  return stream;
}

function answerOurselves(stream: ServerHttp2Stream): void {
  if (stream.destroyed) return;
  if (stream.headersSent) {
    cutStream(stream, 'the answer was broken off');
    return;
  }
  stream.respond({ ':status': 502, [META_HEADER]: META_CONNECTOR });
  stream.end();
}
