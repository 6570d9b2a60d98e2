import { constants, type ServerHttp2Stream } from 'node:http2';
import { PassThrough, type Readable } from 'node:stream';
import { closeStreamSoon } from '../cut-stream.js';

/**
 * The body of a request as a stream that ends only if the whole body came, and else fails: Node ends an HTTP/2
 * stream that was reset as it ends a whole one, and an upload that was cut must not look complete to the origin.
 */
export function readBody(stream: ServerHttp2Stream): Readable {
  const body = new PassThrough();
  let discarded = false;
  // As Go's server does when its handler returns: what the visitor still sends is not wanted any more.
  stream.once('finish', () => {
    discarded = !stream.readableEnded;
    if (discarded) closeStreamSoon(stream);
  });
  const settle = (): void => {
    if (stream.readableEnded && stream.rstCode === constants.NGHTTP2_NO_ERROR && !discarded) body.end();
    else body.destroy(new Error('the request was broken off'));
  };
  // Who answers without reading the body need not listen for its failure.
  body.on('error', () => undefined);
  stream.once('end', settle);
  stream.once('close', settle);
  return stream.pipe(body, { end: false });
}
