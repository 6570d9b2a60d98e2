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

/*
 * The rest happens not at once, but in the next turn. Node 20 sends empty frames for ever when a stream or a session
 * is destroyed while nghttp2 is still closing another stream of the same session, and whoever asks for it may have
 * been told by the end of that stream.
 */

export function cutStreamSoon(stream: Http2Stream, reason: string): void {
  setImmediate(cutStream, stream, reason);
}

/** Ends one half that is not wanted any more, where the other is done. */
export function closeStreamSoon(stream: Http2Stream): void {
  setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
}

/** Ends a session with all its streams, as cut ones: without a code they would end as whole. */
export function cutSession(session: Http2Session, reason: string): void {
  setImmediate(() => session.destroy(new Error(reason), constants.NGHTTP2_CANCEL));
}

/** Closes a session that has nothing more to do. */
export function closeSession(session: Http2Session): void {
  setImmediate(() => session.close());
}
