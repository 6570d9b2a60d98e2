import { frameSegment } from './framing.js';

const WORD_BYTES = 8;
const FIRST_WORDS = 64;
const POINTER_KIND = { struct: 0, list: 1, capability: 3 } as const;
const ELEMENT_SIZE = { byte: 2, pointer: 6, composite: 7 } as const;

/** A message being written into one segment that grows. Offsets inside are in words. */
export class MessageBuilder {
  #view = new DataView(new ArrayBuffer(FIRST_WORDS * WORD_BYTES));
  /** Word 0 is the root pointer. */
  #used = 1;

  get view(): DataView {
    return this.#view;
  }

  initRoot(dataWords: number, pointerCount: number): StructBuilder {
    return initStructAt(this, 0, dataWords, pointerCount);
  }

  /** Zeroed words at the end of the segment; what it returns is where they begin. */
  allocate(words: number): number {
    const start = this.#used;
    this.#used += words;
    const needed = this.#used * WORD_BYTES;
    if (needed > this.#view.byteLength) {
      const grown = new Uint8Array(Math.max(needed, this.#view.byteLength * 2));
      grown.set(new Uint8Array(this.#view.buffer));
      this.#view = new DataView(grown.buffer);
    }
    return start;
  }

  writeBytes(word: number, bytes: Uint8Array): void {
    new Uint8Array(this.#view.buffer).set(bytes, word * WORD_BYTES);
  }

  /** With the stream framing around it. */
  toFrame(): Uint8Array {
    return frameSegment(new Uint8Array(this.#view.buffer, 0, this.#used * WORD_BYTES));
  }
}

/** A struct being written: numbers by byte offset, pointers by index, as the schema's layout says. */
export class StructBuilder {
  readonly #message: MessageBuilder;
  readonly #dataStart: number;
  readonly #pointerStart: number;

  constructor(message: MessageBuilder, start: number, dataWords: number) {
    this.#message = message;
    this.#dataStart = start * WORD_BYTES;
    this.#pointerStart = start + dataWords;
  }

  setBool(bit: number, value: boolean): void {
    const at = this.#dataStart + (bit >> 3);
    const mask = 1 << (bit & 7);
    const { view } = this.#message;
    view.setUint8(at, value ? view.getUint8(at) | mask : view.getUint8(at) & ~mask);
  }

  setUint8(offset: number, value: number): void {
    this.#message.view.setUint8(this.#dataStart + offset, value);
  }

  setUint16(offset: number, value: number): void {
    this.#message.view.setUint16(this.#dataStart + offset, value, true);
  }

  setUint32(offset: number, value: number): void {
    this.#message.view.setUint32(this.#dataStart + offset, value, true);
  }

  setUint64(offset: number, value: bigint): void {
    this.#message.view.setBigUint64(this.#dataStart + offset, value, true);
  }

  initStruct(pointer: number, dataWords: number, pointerCount: number): StructBuilder {
    return initStructAt(this.#message, this.#pointerStart + pointer, dataWords, pointerCount);
  }

  initStructList(pointer: number, count: number, dataWords: number, pointerCount: number): StructBuilder[] {
    const elementWords = dataWords + pointerCount;
    const start = this.#message.allocate(1 + count * elementWords);
    writePointer(this.#message, this.#pointerStart + pointer, POINTER_KIND.list, start, ELEMENT_SIZE.composite | ((count * elementWords) << 3));
    this.#message.view.setUint32(start * WORD_BYTES, count << 2, true);
    this.#message.view.setUint32(start * WORD_BYTES + 4, structSize(dataWords, pointerCount), true);
    return Array.from({ length: count }, (_, index) => new StructBuilder(this.#message, start + 1 + index * elementWords, dataWords));
  }

  setText(pointer: number, text: string): void {
    writeText(this.#message, this.#pointerStart + pointer, text);
  }

  setData(pointer: number, data: Uint8Array): void {
    writeBytes(this.#message, this.#pointerStart + pointer, data, data.byteLength);
  }

  setTextList(pointer: number, texts: readonly string[]): void {
    const start = this.#message.allocate(texts.length);
    writePointer(this.#message, this.#pointerStart + pointer, POINTER_KIND.list, start, ELEMENT_SIZE.pointer | (texts.length << 3));
    texts.forEach((text, index) => writeText(this.#message, start + index, text));
  }

  /** `index` into the capability table of the RPC message around. */
  setCapability(pointer: number, index: number): void {
    const at = (this.#pointerStart + pointer) * WORD_BYTES;
    this.#message.view.setUint32(at, POINTER_KIND.capability, true);
    this.#message.view.setUint32(at + 4, index, true);
  }
}

function initStructAt(message: MessageBuilder, pointerWord: number, dataWords: number, pointerCount: number): StructBuilder {
  const start = message.allocate(dataWords + pointerCount);
  // An empty struct must not look like the null pointer: its offset is -1 by convention.
  const target = dataWords + pointerCount === 0 ? pointerWord : start;
  writePointer(message, pointerWord, POINTER_KIND.struct, target, structSize(dataWords, pointerCount));
  return new StructBuilder(message, start, dataWords);
}

const structSize = (dataWords: number, pointerCount: number): number => (dataWords | (pointerCount << 16)) >>> 0;

function writePointer(message: MessageBuilder, pointerWord: number, kind: number, targetWord: number, upper: number): void {
  const offset = targetWord - pointerWord - 1;
  message.view.setInt32(pointerWord * WORD_BYTES, (offset << 2) | kind, true);
  message.view.setUint32(pointerWord * WORD_BYTES + 4, upper >>> 0, true);
}

/** Text is bytes and a final NUL, which counts. */
function writeText(message: MessageBuilder, pointerWord: number, text: string): void {
  const bytes = Buffer.from(text, 'utf8');
  writeBytes(message, pointerWord, bytes, bytes.byteLength + 1);
}

function writeBytes(message: MessageBuilder, pointerWord: number, bytes: Uint8Array, count: number): void {
  const start = message.allocate(Math.ceil(count / WORD_BYTES));
  writePointer(message, pointerWord, POINTER_KIND.list, start, ELEMENT_SIZE.byte | (count << 3));
  message.writeBytes(start, bytes);
}
