import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import { META_HEADER, META_ORIGIN, PACKED_HEADERS, unpackHeaders } from './internal-headers.js';
import type { Header } from './ports.js';

export interface OriginAnswer {
  readonly kind: 'origin';
  readonly status: number;
  readonly headers: readonly Header[];
}

/** What came back through the tunnel before any of the body. */
export type TunnelAnswer =
  | OriginAnswer
  /** The connector answered in the origin's place, or not in its protocol. */
  | { readonly kind: 'connector' }
  /** The stream is over without an answer; `refused`: and the connector never looked at the request. */
  | { readonly kind: 'lost'; readonly refused: boolean };

/** Calls back once, when the answer begins or cannot come any more. The body has not been read. */
export function awaitAnswer(stream: ClientHttp2Stream, onAnswer: (answer: TunnelAnswer) => void): void {
  const lost = (): void => onAnswer({ kind: 'lost', refused: stream.rstCode === constants.NGHTTP2_REFUSED_STREAM });
  // The reset code that 'close' brings says as much.
  stream.on('error', () => undefined);
  stream.once('close', lost);
  stream.once('response', (headers) => {
    stream.removeListener('close', lost);
    onAnswer(readAnswer(headers));
  });
}

function readAnswer(headers: IncomingHttpHeaders): TunnelAnswer {
  const packed = headers[PACKED_HEADERS];
  const unpacked = headers[META_HEADER] === META_ORIGIN && typeof packed === 'string' ? unpackHeaders(packed) : undefined;
  return unpacked === undefined ? { kind: 'connector' } : { kind: 'origin', status: Number(headers[':status']), headers: unpacked };
}
