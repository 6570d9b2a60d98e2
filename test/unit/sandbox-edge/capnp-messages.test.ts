import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CapnpError } from '../../../src/sandbox/edge/capnp/capnp-error.js';
import { FrameReader, frameSegment, MAX_MESSAGE_BYTES, type Segments } from '../../../src/sandbox/edge/capnp/framing.js';
import { MessageBuilder } from '../../../src/sandbox/edge/capnp/message-builder.js';
import { readRoot, type StructReader } from '../../../src/sandbox/edge/capnp/message-reader.js';

const readFrame = (frame: Uint8Array): Segments => {
  const [segments] = new FrameReader().push(frame);
  if (segments === undefined) throw new Error('the frame is not complete');
  return segments;
};

const readBuilt = (builder: MessageBuilder): StructReader => readRoot(readFrame(builder.toFrame()));

/** Segments of words, each word as its two halves. */
const segment = (...words: readonly (readonly [lower: number, upper: number])[]): Uint8Array => {
  const bytes = Buffer.alloc(words.length * 8);
  words.forEach(([lower, upper], index) => {
    bytes.writeInt32LE(lower | 0, index * 8);
    bytes.writeUInt32LE(upper >>> 0, index * 8 + 4);
  });
  return bytes;
};

describe('what is built reads as it was built', () => {
  it('numbers, at their place and no other', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.nat(0xff), fc.nat(0xffff), fc.nat(0xffffffff), fc.bigInt(0n, 2n ** 64n - 1n), (bool, uint8, uint16, uint32, uint64) => {
        const builder = new MessageBuilder();
        const root = builder.initRoot(3, 0);
        root.setBool(3, bool);
        root.setUint8(1, uint8);
        root.setUint16(2, uint16);
        root.setUint32(4, uint32);
        root.setUint64(8, uint64);
        const read = readBuilt(builder);
        expect([read.getBool(3), read.getBool(2), read.getUint8(1), read.getUint16(2), read.getUint32(4), read.getUint64(8), read.getUint64(16)]).toEqual([
          bool, false, uint8, uint16, uint32, uint64, 0n,
        ]);
      }),
    );
  });

  it('texts, data, lists and structs of any size', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.uint8Array({ maxLength: 3000 }), fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 40 }), fc.array(fc.nat(0xffffffff), { maxLength: 40 }), (text, data, texts, numbers) => {
        const builder = new MessageBuilder();
        const root = builder.initRoot(0, 5);
        root.setText(0, text);
        root.setData(1, data);
        root.setTextList(2, texts);
        root.initStructList(3, numbers.length, 1, 1).forEach((struct, index) => {
          struct.setUint32(4, numbers[index] ?? 0);
          struct.setText(0, String(index));
        });
        root.initStruct(4, 0, 0);
        const read = readBuilt(builder);
        expect(read.getText(0)).toBe(text);
        expect(Buffer.from(read.getData(1))).toEqual(Buffer.from(data));
        expect(read.getTextList(2)).toEqual(texts);
        expect(read.getStructList(3).map((struct) => [struct.getUint32(4), struct.getText(0)])).toEqual(numbers.map((number, index) => [number, String(index)]));
        expect(read.getStruct(4)).toBeDefined();
      }),
    );
  });

  it('what was never written reads as nothing, also beyond the struct', () => {
    const builder = new MessageBuilder();
    builder.initRoot(1, 1);
    const read = readBuilt(builder);
    expect([read.getUint8(8), read.getUint16(7), read.getUint64(1), read.getText(0), read.getText(7), read.getStruct(0), read.getCapability(0)]).toEqual([0, 0, 0n, '', '', undefined, undefined]);
    expect([read.getData(0).byteLength, read.getTextList(0), read.getStructList(3)]).toEqual([0, [], []]);
  });
});

describe('frames', () => {
  it('come out whole however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(0xff), { maxLength: 6 }), { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 60 }), (messages, cuts) => {
        const frames = messages.map((words) => frameSegment(segment(...words.map((word) => [word, 0] as const))));
        const stream = Buffer.concat(frames);
        const reader = new FrameReader();
        const seen: Segments[] = [];
        for (let offset = 0, turn = 0; offset < stream.length; turn += 1) {
          const size = cuts[turn % cuts.length] ?? 1;
          seen.push(...reader.push(stream.subarray(offset, offset + size)));
          offset += size;
        }
        expect(seen.map((segments) => segments.map((one) => Buffer.from(one).toString('hex')))).toEqual(
          messages.map((words) => [Buffer.from(segment(...words.map((word) => [word, 0] as const))).toString('hex')]),
        );
      }),
    );
  });

  it('of several segments are cut apart', () => {
    const header = Buffer.alloc(16);
    header.writeUInt32LE(2, 0);
    [1, 0, 2].forEach((words, index) => header.writeUInt32LE(words, 4 + 4 * index));
    const segments = readFrame(Buffer.concat([header, segment([1, 1], [2, 2], [3, 3])]));
    expect(segments.map((one) => one.byteLength)).toEqual([8, 0, 16]);
  });

  it('that promise too much are refused before anything is kept for them', () => {
    const tooLong = Buffer.alloc(8);
    tooLong.writeUInt32LE(MAX_MESSAGE_BYTES / 8, 4);
    expect(() => new FrameReader().push(tooLong)).toThrow(CapnpError);
    expect(() => new FrameReader().push(Buffer.alloc(8, 0xff))).toThrow(CapnpError);
  });
});

describe('far pointers', () => {
  // A struct of one data word, 0x2a, whose place is told in three ways.
  const isStruct = 1;
  it('lead to another segment over one landing pad', () => {
    expect(readRoot([segment([2, 1]), segment([0, isStruct], [0x2a, 0])]).getUint32(0)).toBe(0x2a);
  });

  it('and over a double one, with the tag beside it', () => {
    const farAway = [segment([(0 << 3) | 4 | 2, 1]), segment([(1 << 3) | 2, 2], [0, isStruct]), segment([0, 0], [0x2a, 0])];
    expect(readRoot(farAway).getUint32(0)).toBe(0x2a);
  });

  it('do not lead on from far pointer to far pointer, nor out of the message', () => {
    expect(() => readRoot([segment([2, 1]), segment([2, 0])])).toThrow(CapnpError);
    expect(() => readRoot([segment([2, 7])])).toThrow(CapnpError);
    expect(() => readRoot([segment([(5 << 3) | 2, 0])])).toThrow(CapnpError);
    expect(() => readRoot([segment([4 | 2, 1]), segment([0, isStruct], [0, isStruct])])).toThrow(CapnpError);
  });
});

describe('hostile messages', () => {
  /** Touches everything there is, as far as the reader lets it. */
  const walk = (struct: StructReader, budget: { left: number }): void => {
    for (let pointer = 0; pointer < 4 && budget.left > 0; pointer += 1) {
      budget.left -= 1;
      const visits: readonly (() => unknown)[] = [
        () => struct.getText(pointer),
        () => struct.getData(pointer),
        () => struct.getTextList(pointer),
        () => struct.getCapability(pointer),
        () => struct.getStructList(pointer).slice(0, 3).forEach((one) => walk(one, budget)),
        () => {
          const inner = struct.getStruct(pointer);
          if (inner !== undefined) walk(inner, budget);
        },
      ];
      for (const visit of visits) expectOnlyCapnpErrors(visit);
    }
  };

  const expectOnlyCapnpErrors = (act: () => unknown): void => {
    try {
      act();
    } catch (error) {
      if (!(error instanceof CapnpError)) throw error;
    }
  };

  it('of any bytes give nothing worse than a CapnpError', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { minLength: 1, maxLength: 4 }), (segments) => {
        const whole = segments.map((one) => one.subarray(0, one.byteLength - (one.byteLength % 8)));
        expectOnlyCapnpErrors(() => walk(readRoot(whole), { left: 2000 }));
      }),
      { numRuns: 3000 },
    );
  });

  it('made of pointers that nearly fit give nothing worse either', () => {
    const word = fc.record({ kind: fc.nat(3), far: fc.boolean(), offset: fc.integer({ min: -4, max: 8 }), size: fc.nat(7), count: fc.oneof(fc.nat(12), fc.nat(0x1fffffff)), struct: fc.boolean() }).map(
      ({ kind, far, offset, size, count, struct }): readonly [number, number] => {
        if (kind === 2) return [(Math.abs(offset) << 3) | (far ? 4 : 0) | 2, count % 3];
        return [(offset << 2) | kind, struct ? (size & 3) | ((count & 3) << 16) : size | (count << 3)];
      },
    );
    fc.assert(
      fc.property(fc.array(fc.array(word, { minLength: 2, maxLength: 16 }), { minLength: 1, maxLength: 3 }), (segments) => {
        expectOnlyCapnpErrors(() => walk(readRoot(segments.map((words) => segment(...words))), { left: 2000 }));
      }),
      { numRuns: 5000 },
    );
  });

  it('that hold themselves end at the depth that is allowed', () => {
    // The root's one pointer is a struct pointer to the root itself.
    const root = readRoot([segment([0, 1 << 16], [-2 << 2, 1 << 16])]);
    const descend = (struct: StructReader | undefined, depth: number): number => (struct === undefined ? depth : descend(struct.getStruct(0), depth + 1));
    expect(() => descend(root, 0)).toThrow(CapnpError);
  });

  it('of endless lists of nothing are refused', () => {
    // A list of 2^29 structs without size, in two words.
    const message = [segment([0, 1 << 16], [1, 7], [(2 ** 29 - 1) << 2, 0])];
    expect(() => readRoot(message).getStructList(0)).toThrow(CapnpError);
  });

  it('that are read over and over are read no further than their budget', () => {
    const builder = new MessageBuilder();
    builder.initRoot(0, 1).setData(0, new Uint8Array(1024 * 1024));
    const read = readBuilt(builder);
    expect(() => {
      for (let round = 0; round < 100; round += 1) read.getData(0);
    }).toThrow(CapnpError);
  });
});
