/** The server's side of RFC 6455, as far as a stream of bytes in its messages needs it. */

const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const FINAL = 0x80;
const MASKED = 0x80;
/** More than this in one frame is nobody's terminal. */
const MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;

export interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
}

export function encodeFrame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  if (length < 126) return Buffer.concat([Buffer.from([FINAL | opcode, length]), payload]);
  const header = Buffer.alloc(length < 65_536 ? 4 : 10);
  header[0] = FINAL | opcode;
  if (length < 65_536) {
    header[1] = 126;
    header.writeUInt16BE(length, 2);
  } else {
    header[1] = 127;
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([header, payload]);
}

export const encodeBinary = (payload: Buffer): Buffer => encodeFrame(OPCODES.binary, payload);
export const encodePong = (payload: Buffer): Buffer => encodeFrame(OPCODES.pong, payload);
export const encodeClose = (): Buffer => encodeFrame(OPCODES.close, Buffer.from([0x03, 0xe8]));

export const isData = ({ opcode }: Frame): boolean => opcode <= OPCODES.binary;
export const isClose = ({ opcode }: Frame): boolean => opcode === OPCODES.close;
export const isPing = ({ opcode }: Frame): boolean => opcode === OPCODES.ping;

/** Collects bytes, and gives the frames that are whole, unmasked. */
export class FrameReader {
  readonly #chunks: Buffer[] = [];
  #size = 0;
  /** Nothing can be said of fewer bytes. */
  #wanted = 2;

  /** Throws on a frame that is too large. */
  push(chunk: Buffer): readonly Frame[] {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size < this.#wanted) return [];
    let bytes = Buffer.concat(this.#chunks);
    const frames: Frame[] = [];
    for (let read = readFrame(bytes); ; read = readFrame(bytes)) {
      this.#wanted = read.size;
      if (read.frame === undefined) break;
      frames.push(read.frame);
      bytes = bytes.subarray(read.size);
    }
    this.#chunks.splice(0, this.#chunks.length, bytes);
    this.#size = bytes.length;
    return frames;
  }
}

/** The frame at the front; undefined where it is not all there. `size` is how many bytes it, or what can be said of it so far, takes. */
function readFrame(bytes: Buffer): { readonly size: number; readonly frame: Frame | undefined } {
  if (bytes.length < 2) return { size: 2, frame: undefined };
  const isMasked = (bytes.readUInt8(1) & MASKED) !== 0;
  const short = bytes.readUInt8(1) & 0x7f;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const maskStart = 2 + lengthBytes;
  const start = maskStart + (isMasked ? 4 : 0);
  if (bytes.length < maskStart) return { size: maskStart, frame: undefined };
  const length = lengthBytes === 0 ? short : lengthBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (length > MAX_PAYLOAD_BYTES) throw new Error('a WebSocket frame is too large');
  if (bytes.length < start + length) return { size: start + length, frame: undefined };
  const payload = Buffer.from(bytes.subarray(start, start + length));
  if (isMasked) for (let index = 0; index < length; index += 1) payload[index] = (payload[index] ?? 0) ^ (bytes[maskStart + (index % 4)] ?? 0);
  return { size: start + length, frame: { opcode: bytes.readUInt8(0) & 0x0f, payload } };
}
