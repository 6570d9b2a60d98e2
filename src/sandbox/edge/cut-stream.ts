import { constants, type Http2Session, type Http2Stream } from 'node:http2';

/**
 * Breaks a stream off so that the other side can tell. `close(code)` would not do: Node first ends the half that is
 * open, and a body that was cut arrives as a whole one. Only destruction with an error resets at once.
 */
export function cutStream(stream: Http2Stream, reason: string): void {
  if (!stream.destroyed) stream.destroy(new Error(reason));
}

/** Whether all of the body came: a stream that was reset may end like a whole one, but not with this code. */
export const cameWhole = (stream: Http2Stream): boolean => stream.rstCode === constants.NGHTTP2_NO_ERROR && stream.readableEnded;

/**
 * Ends a session with all its streams, as cut ones (without a code they would end as whole). Not at once, since
 * whoever asks may be told by a stream of this very session: Node 20 sends for ever when a session is destroyed
 * while nghttp2 is still closing one of its streams.
 */
export function cutSession(session: Http2Session, reason: string): void {
  setImmediate(() => session.destroy(new Error(reason), constants.NGHTTP2_CANCEL));
}

/** Closes a session that has nothing more to do; later, for the same reason. */
export function closeSession(session: Http2Session): void {
  setImmediate(() => session.close());
}
