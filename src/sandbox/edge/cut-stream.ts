import type { Http2Stream } from 'node:http2';

/**
 * Breaks a stream off so that the other side can tell. `close(code)` would not do: Node first ends the half that is
 * open, and a body that was cut arrives as a whole one. Only destruction with an error resets at once.
 */
export function cutStream(stream: Http2Stream, reason: string): void {
  if (!stream.destroyed) stream.destroy(new Error(reason));
}
