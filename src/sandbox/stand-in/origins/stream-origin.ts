import { createHash } from 'node:crypto';
import { connect } from 'node:net';

import type { TunnelRequest } from '../../edge/connector-side/ports.js';
import type { Header } from '../../edge/ports.js';
import { goNetError } from '../net/go-net-error.js';
import { findHeader } from './headers.js';
import type { Outcome } from './http-origin.js';
import { encodeBinary, encodeClose, encodePong, FrameReader, isClose, isData, isPing } from './websocket-frames.js';

const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** What a WebSocket's opening is answered with. */
function handshake(headers: readonly Header[]): Header[] {
  const key = findHeader(headers, 'sec-websocket-key');
  if (key === undefined) return [];
  const accept = createHash('sha1').update(`${key}${KEY_SUFFIX}`).digest('base64');
  return [['Connection', 'Upgrade'], ['Sec-Websocket-Accept', accept], ['Upgrade', 'websocket']];
}

/** Carries the bytes of a TCP connection in the messages of a WebSocket. */
export function serveStream(request: TunnelRequest, place: { readonly hostname: string; readonly port: number }, connectTimeoutMs: number, outcome: Outcome): void {
  const socket = connect({ host: place.hostname, port: place.port });
  const deadline = setTimeout(() => socket.destroy(new Error('dial tcp: i/o timeout')), connectTimeoutMs);
  const stop = (): void => {
    socket.destroy();
  };
  request.gone.addEventListener('abort', stop, { once: true });
  const refused = (error: Error): void => {
    clearTimeout(deadline);
    outcome.failed(goNetError(error));
    request.fail();
  };
  socket.once('error', refused);
  socket.once('connect', () => {
    clearTimeout(deadline);
    socket.removeListener('error', refused);
    outcome.answered(101);
    const out = request.respond(101, handshake(request.headers));
    const reader = new FrameReader();
    request.body.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) {
          if (isClose(frame)) socket.end();
          else if (isPing(frame)) out.write(encodePong(frame.payload));
          else if (isData(frame)) socket.write(frame.payload);
        }
      } catch {
        // A frame that nobody sends: the stream cannot be followed any more.
        stop();
      }
    });
    request.body.once('end', () => socket.end());
    socket.on('data', (chunk) => {
      if (!out.write(encodeBinary(chunk))) {
        socket.pause();
        out.once('drain', () => socket.resume());
      }
    });
    socket.once('error', stop);
    socket.once('close', () => out.end(encodeClose()));
    out.once('close', stop);
  });
}

/** Where a bastion's visitor wants to go: the visitor's program says it in a header. */
export function bastionDestination(headers: readonly Header[]): { readonly hostname: string; readonly port: number } | undefined {
  const wanted = findHeader(headers, 'cf-access-jump-destination');
  const [, hostname, port] = /^(?:[a-z][a-z0-9+.-]*:\/\/)?([^/]+):(\d+)(?:\/.*)?$/iu.exec(wanted ?? '') ?? [];
  return hostname === undefined || port === undefined ? undefined : { hostname: hostname.replace(/^\[(.*)\]$/u, '$1'), port: Number(port) };
}
