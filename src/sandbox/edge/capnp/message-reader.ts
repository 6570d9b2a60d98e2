import { CapnpError } from './capnp-error.js';
import type { Segments } from './framing.js';
import { type ListPlace, PointerResolver, type StructPlace, WORD_BYTES } from './pointers.js';

const BYTE_LIST = 2;
const POINTER_LIST = 6;
const STRUCT_LIST = 7;

/**
 * The root struct of a message. Reading is lazy, and bounded in what it may touch and how deep it may go; whatever
 * is wrong is a CapnpError where it is met.
 */
export function readRoot(segments: Segments): StructReader {
  const resolver = new PointerResolver(segments);
  const place = resolver.resolve(0, 0, 0);
  if (place.kind !== 'struct') throw new CapnpError('the root of the message is no struct');
  return new StructReader(resolver, place);
}

/** A struct: numbers by byte offset, pointers by index. What an older writer left out reads as zero, empty or undefined. */
export class StructReader {
  readonly #resolver: PointerResolver;
  readonly #place: StructPlace;

  constructor(resolver: PointerResolver, place: StructPlace) {
    this.#resolver = resolver;
    this.#place = place;
  }

  getBool(bit: number): boolean {
    return (this.getUint8(bit >> 3) & (1 << (bit & 7))) !== 0;
  }

  getUint8(offset: number): number {
    return this.#has(offset, 1) ? this.#place.view.getUint8(this.#at(offset)) : 0;
  }

  getUint16(offset: number): number {
    return this.#has(offset, 2) ? this.#place.view.getUint16(this.#at(offset), true) : 0;
  }

  getUint32(offset: number): number {
    return this.#has(offset, 4) ? this.#place.view.getUint32(this.#at(offset), true) : 0;
  }

  getUint64(offset: number): bigint {
    return this.#has(offset, 8) ? this.#place.view.getBigUint64(this.#at(offset), true) : 0n;
  }

  getStruct(pointer: number): StructReader | undefined {
    const place = this.#follow(pointer);
    if (place.kind === 'null') return undefined;
    if (place.kind !== 'struct') throw new CapnpError('a struct was expected');
    return new StructReader(this.#resolver, place);
  }

  getStructList(pointer: number): readonly StructReader[] {
    const list = this.#list(pointer, STRUCT_LIST);
    if (list === undefined) return [];
    const { view, segment, dataWords, pointerCount, depth } = list;
    return Array.from({ length: list.count }, (_, index) => {
      const start = list.start + index * (dataWords + pointerCount);
      return new StructReader(this.#resolver, { kind: 'struct', view, segment, start, dataWords, pointerCount, depth });
    });
  }

  getText(pointer: number): string {
    return textOf(this.#list(pointer, BYTE_LIST));
  }

  getTextList(pointer: number): readonly string[] {
    const list = this.#list(pointer, POINTER_LIST);
    if (list === undefined) return [];
    return Array.from({ length: list.count }, (_, index) => {
      const place = this.#resolver.resolve(list.segment, list.start + index, list.depth);
      if (place.kind === 'null') return '';
      if (place.kind !== 'list' || place.elementSize !== BYTE_LIST) throw new CapnpError('a text was expected');
      return textOf(place);
    });
  }

  /** A view into the message, not a copy. */
  getData(pointer: number): Uint8Array {
    const list = this.#list(pointer, BYTE_LIST);
    return list === undefined ? new Uint8Array() : bytesOf(list);
  }

  /** Index into the capability table of the RPC message around; undefined where the pointer is null. */
  getCapability(pointer: number): number | undefined {
    const place = this.#follow(pointer);
    if (place.kind === 'null') return undefined;
    if (place.kind !== 'capability') throw new CapnpError('a capability was expected');
    return place.index;
  }

  #at(offset: number): number {
    return this.#place.start * WORD_BYTES + offset;
  }

  #has(offset: number, bytes: number): boolean {
    return offset + bytes <= this.#place.dataWords * WORD_BYTES;
  }

  #follow(pointer: number): ReturnType<PointerResolver['resolve']> {
    const { segment, start, dataWords, pointerCount, depth } = this.#place;
    if (pointer >= pointerCount) return { kind: 'null' };
    return this.#resolver.resolve(segment, start + dataWords + pointer, depth);
  }

  #list(pointer: number, elementSize: number): ListPlace | undefined {
    const place = this.#follow(pointer);
    if (place.kind === 'null') return undefined;
    if (place.kind !== 'list' || place.elementSize !== elementSize) throw new CapnpError('a list of another kind was expected');
    return place;
  }
}

const bytesOf = (list: ListPlace): Uint8Array => new Uint8Array(list.view.buffer, list.view.byteOffset + list.start * WORD_BYTES, list.count);

function textOf(list: ListPlace | undefined): string {
  if (list === undefined) return '';
  const bytes = bytesOf(list);
  if (bytes.at(-1) !== 0) throw new CapnpError('a text without its final NUL');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength - 1).toString('utf8');
}
