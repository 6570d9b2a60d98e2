import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { encodeBinary, encodeFrame, FrameReader, isData } from '../../../src/sandbox/stand-in/origins/websocket-frames.js';

/** As a client sends it. */
function mask(frame: Buffer, key: Buffer): Buffer {
  const header = { 126: 4, 127: 10 }[(frame[1] ?? 0) & 0x7f] ?? 2;
  const masked = Buffer.from(frame);
  masked[1] = (masked[1] ?? 0) | 0x80;
  return Buffer.concat([masked.subarray(0, header), key, masked.subarray(header).map((byte, index) => byte ^ (key[index % 4] ?? 0))]);
}

describe('WebSocket frames', () => {
  test('are read as they were written, however they arrive', () => {
    const payload = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(65_535, 65_536, 70_000).map((length) => new Uint8Array(length).fill(7)));
    fc.assert(
      fc.property(fc.array(payload, { minLength: 1, maxLength: 4 }), fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.integer({ min: 1, max: 40_000 }), fc.boolean(), (payloads, key, step, isMasked) => {
        const bytes = Buffer.concat(payloads.map((one) => encodeBinary(Buffer.from(one))).map((frame) => (isMasked ? mask(frame, Buffer.from(key)) : frame)));
        const reader = new FrameReader();
        const frames = [];
        for (let start = 0; start < bytes.length; start += step) frames.push(...reader.push(bytes.subarray(start, start + step)));
        expect(frames.every(isData)).toBe(true);
        expect(Buffer.concat(frames.map((frame) => frame.payload)).equals(Buffer.concat(payloads))).toBe(true);
        expect(frames).toHaveLength(payloads.length);
      }),
    );
  });

  test('one that is far too large is refused before it has come', () => {
    const header = encodeFrame(2, Buffer.alloc(70_000)).subarray(0, 10);
    header.writeBigUInt64BE(2n ** 40n, 2);
    expect(() => new FrameReader().push(header)).toThrow('too large');
  });
});
