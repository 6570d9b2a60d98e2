import { CapnpError } from './capnp-error.js';

/** A message as it was sent: its segments, each a whole number of words. */
export type Segments = readonly Uint8Array[];

/**
 * Cap'n Proto's stream framing: a table of segment sizes, then the segments. https://capnproto.org/encoding.html
 * Limits as in its own libraries: a connector's report of ten thousand rules is some 10 MB.
 */
export const MAX_SEGMENTS = 512;
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const WORD_BYTES = 8;

/** Cuts a byte stream into messages. What it holds is what was pushed, never what a header promises. */
export class FrameReader {
  #chunks: Uint8Array[] = [];
  #held = 0;
  #wanted = WORD_BYTES;

  /** The messages that this chunk completes. Throws CapnpError on a header out of bounds: the stream is then useless. */
  push(chunk: Uint8Array): Segments[] {
    this.#chunks.push(chunk);
    this.#held += chunk.byteLength;
    const messages: Segments[] = [];
    while (this.#held >= this.#wanted) {
      const bytes = this.#gather();
      const frame = measureFrame(bytes);
      if (bytes.byteLength < frame.totalBytes) {
        this.#wanted = frame.totalBytes;
        break;
      }
      messages.push(cutSegments(bytes, frame));
      this.#keep(bytes.subarray(frame.totalBytes));
      this.#wanted = WORD_BYTES;
    }
    return messages;
  }

  #gather(): Uint8Array {
    const [only] = this.#chunks;
    const bytes = only !== undefined && this.#chunks.length === 1 ? only : Buffer.concat(this.#chunks);
    this.#chunks = [bytes];
    return bytes;
  }

  #keep(rest: Uint8Array): void {
    this.#chunks = rest.byteLength === 0 ? [] : [rest];
    this.#held = rest.byteLength;
  }
}

interface Frame {
  readonly headerBytes: number;
  /** Of the whole frame, or of the header while that is not complete. */
  readonly totalBytes: number;
  /** In bytes; none while the header is not complete. */
  readonly sizes: readonly number[];
}

/** `bytes` holds at least one word. */
function measureFrame(bytes: Uint8Array): Frame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint32(0, true) + 1;
  if (count > MAX_SEGMENTS) throw new CapnpError(`a message of ${count} segments is refused`);
  const headerBytes = Math.ceil((4 + 4 * count) / WORD_BYTES) * WORD_BYTES;
  if (bytes.byteLength < headerBytes) return { headerBytes, totalBytes: headerBytes, sizes: [] };
  const sizes = Array.from({ length: count }, (_, index) => view.getUint32(4 + 4 * index, true) * WORD_BYTES);
  const totalBytes = sizes.reduce((sum, size) => sum + size, headerBytes);
  if (totalBytes > MAX_MESSAGE_BYTES) throw new CapnpError(`a message of ${totalBytes} bytes is refused`);
  return { headerBytes, totalBytes, sizes };
}

function cutSegments(bytes: Uint8Array, { headerBytes, sizes }: Frame): Segments {
  let offset = headerBytes;
  return sizes.map((size) => {
    const segment = bytes.subarray(offset, offset + size);
    offset += size;
    return segment;
  });
}

/** Frames a message of one segment, which is all that we write. */
export function frameSegment(segment: Uint8Array): Uint8Array {
  const frame = new Uint8Array(WORD_BYTES + segment.byteLength);
  new DataView(frame.buffer).setUint32(4, segment.byteLength / WORD_BYTES, true);
  frame.set(segment, WORD_BYTES);
  return frame;
}
