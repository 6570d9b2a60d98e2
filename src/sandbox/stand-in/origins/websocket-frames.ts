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
  #pending: Buffer = Buffer.alloc(0);

  /** Throws on a frame that is too large. */
  push(chunk: Buffer): readonly Frame[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): Frame | undefined {
    const bytes = this.#pending;
    if (bytes.length < 2) return undefined;
    const isMasked = (bytes.readUInt8(1) & MASKED) !== 0;
    const short = bytes.readUInt8(1) & 0x7f;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const maskStart = 2 + lengthBytes;
    const start = maskStart + (isMasked ? 4 : 0);
    if (bytes.length < start) return undefined;
    const length = lengthBytes === 0 ? short : lengthBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (length > MAX_PAYLOAD_BYTES) throw new Error('a WebSocket frame is too large');
    if (bytes.length < start + length) return undefined;
    const payload = Buffer.from(bytes.subarray(start, start + length));
    if (isMasked) for (let index = 0; index < length; index += 1) payload[index] = (payload[index] ?? 0) ^ (bytes[maskStart + (index % 4)] ?? 0);
    this.#pending = bytes.subarray(start + length);
    return { opcode: bytes.readUInt8(0) & 0x0f, payload };
  }
}
