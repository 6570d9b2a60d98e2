import { CapnpError } from './capnp-error.js';
import type { Segments } from './framing.js';

export const WORD_BYTES = 8;

/** How deep structs and lists may nest, and how many words reading one message may touch: as Cap'n Proto's own libraries. */
const MAX_DEPTH = 64;
const MAX_TOUCHED_WORDS = 8 * 1024 * 1024;
/** Of one list of structs, which is read as a whole: those of size nothing could else be endless. */
const MAX_STRUCTS = 65_536;

/** Where a pointer leads; offsets in words into a segment that holds it all. */
export interface StructPlace {
  readonly kind: 'struct';
  readonly view: DataView;
  readonly segment: number;
  readonly start: number;
  readonly dataWords: number;
  readonly pointerCount: number;
  readonly depth: number;
}

export interface ListPlace {
  readonly kind: 'list';
  readonly view: DataView;
  readonly segment: number;
  readonly start: number;
  /** Cap'n Proto's code: 2 bytes, 6 pointers, 7 structs. */
  readonly elementSize: number;
  readonly count: number;
  /** Of each element, where they are structs. */
  readonly dataWords: number;
  readonly pointerCount: number;
  readonly depth: number;
}

export type Place = { readonly kind: 'null' } | StructPlace | ListPlace | { readonly kind: 'capability'; readonly index: number };

/** A pointer's two halves, with the place that its offset counts from. */
interface RawPointer {
  readonly lower: number;
  readonly upper: number;
  readonly segment: number;
  /** Where an offset of 0 leads. */
  readonly base: number;
}

const ELEMENT_BITS: readonly number[] = [0, 1, 8, 16, 32, 64, 64];
const COMPOSITE = 7;

/** Follows the pointers of one message, far ones too, and pays for what is touched out of one budget. */
export class PointerResolver {
  readonly #views: readonly DataView[];
  #budget = MAX_TOUCHED_WORDS;

  constructor(segments: Segments) {
    this.#views = segments.map((segment) => new DataView(segment.buffer, segment.byteOffset, segment.byteLength));
  }

  /** `depth` is that of the object which holds the pointer. */
  resolve(segment: number, word: number, depth: number): Place {
    if (depth >= MAX_DEPTH) throw new CapnpError('the message is nested too deeply');
    const pointer = this.#read(segment, word);
    if (pointer.lower === 0 && pointer.upper === 0) return { kind: 'null' };
    const near = (pointer.lower & 3) === 2 ? this.#followFar(pointer) : pointer;
    switch (near.lower & 3) {
      case 0:
        return this.#structAt(near, depth + 1);
      case 1:
        return this.#listAt(near, depth + 1);
      case 3:
        if (near.lower >>> 0 !== 3) throw new CapnpError('a pointer of an unknown kind');
        return { kind: 'capability', index: near.upper };
      default:
        throw new CapnpError('a far pointer leads to a far pointer');
    }
  }

  #view(segment: number): DataView {
    const view = this.#views[segment];
    if (view === undefined) throw new CapnpError('a pointer leads to a segment that is not there');
    return view;
  }

  #read(segment: number, word: number): RawPointer {
    const view = this.#bounded(segment, word, 1);
    const at = word * WORD_BYTES;
    return { lower: view.getInt32(at, true), upper: view.getUint32(at + 4, true), segment, base: word + 1 };
  }

  #bounded(segment: number, start: number, words: number): DataView {
    const view = this.#view(segment);
    if (start < 0 || (start + words) * WORD_BYTES > view.byteLength) throw new CapnpError('a pointer leads out of its segment');
    return view;
  }

  #pay(words: number): void {
    this.#budget -= words;
    if (this.#budget < 0) throw new CapnpError('the message is larger than it looks');
  }

  /** One hop: to a landing pad that is a pointer, or to one that says where (a far pointer) and what (a tag). */
  #followFar(far: RawPointer): RawPointer {
    const pad = far.lower >>> 3;
    if ((far.lower & 4) === 0) return this.#read(far.upper, pad);
    const where = this.#read(far.upper, pad);
    const tag = this.#read(far.upper, pad + 1);
    if ((where.lower & 7) !== 2) throw new CapnpError('a landing pad that is none');
    const kind = tag.lower & 3;
    if (kind !== 0 && kind !== 1) throw new CapnpError('a landing pad with a wrong tag');
    // The tag's own offset is void: the object begins where the pad's far pointer says.
    return { lower: kind, upper: tag.upper, segment: where.upper, base: where.lower >>> 3 };
  }

  #structAt(pointer: RawPointer, depth: number): StructPlace {
    const start = pointer.base + (pointer.lower >> 2);
    const dataWords = pointer.upper & 0xffff;
    const pointerCount = pointer.upper >>> 16;
    const view = this.#bounded(pointer.segment, start, dataWords + pointerCount);
    this.#pay(dataWords + pointerCount + 1);
    return { kind: 'struct', view, segment: pointer.segment, start, dataWords, pointerCount, depth };
  }

  #listAt(pointer: RawPointer, depth: number): ListPlace {
    const start = pointer.base + (pointer.lower >> 2);
    const elementSize = pointer.upper & 7;
    const count = pointer.upper >>> 3;
    if (elementSize === COMPOSITE) return this.#compositeListAt(pointer.segment, start, count, depth);
    const words = Math.ceil((count * (ELEMENT_BITS[elementSize] ?? 0)) / 64);
    const view = this.#bounded(pointer.segment, start, words);
    this.#pay(words + 1);
    return { kind: 'list', view, segment: pointer.segment, start, elementSize, count, dataWords: 0, pointerCount: 0, depth };
  }

  #compositeListAt(segment: number, start: number, words: number, depth: number): ListPlace {
    const view = this.#bounded(segment, start, words + 1);
    const tag = this.#read(segment, start);
    if ((tag.lower & 3) !== 0) throw new CapnpError('a list of structs without their size');
    const count = tag.lower >>> 2;
    const dataWords = tag.upper & 0xffff;
    const pointerCount = tag.upper >>> 16;
    if (count > MAX_STRUCTS || count * (dataWords + pointerCount) > words) throw new CapnpError('a list claims more structs than it can hold');
    this.#pay(words + 1);
    return { kind: 'list', view, segment, start: start + 1, elementSize: COMPOSITE, count, dataWords, pointerCount, depth };
  }
}
