import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packHeaders, unpackHeaders } from '../../../src/sandbox/edge/internal-headers.js';
import { formatIpAddress, mappedAddressBytes, plainAddress } from '../../../src/sandbox/edge/ip-address.js';
import { formatUuid, parseUuid } from '../../../src/sandbox/edge/uuid.js';

const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCodePoint(code)), maxLength: 80 });

describe('packed headers', () => {
  it('come out as they went in: case, order, repetition, any byte', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(latin1.filter((name) => name !== ''), latin1), { maxLength: 20 }), (headers) => {
        expect(unpackHeaders(packHeaders(headers))).toEqual(headers);
      }),
    );
  });

  it('are what cloudflared packs', () => {
    expect(packHeaders([['Content-Type', 'text/plain'], ['X-A', '']])).toBe('Q29udGVudC1UeXBl:dGV4dC9wbGFpbg;WC1B:');
  });

  it('that are none are told', () => {
    expect(unpackHeaders('no-colon')).toBeUndefined();
    expect(unpackHeaders('a:b:c')).toBeUndefined();
    fc.assert(fc.property(fc.string(), (text) => {
      const headers = unpackHeaders(text);
      expect(headers === undefined || Array.isArray(headers)).toBe(true);
    }));
  });
});

describe('addresses and UUIDs', () => {
  it('go to bytes and back', () => {
    fc.assert(fc.property(fc.ipV4(), (address) => {
      expect(formatIpAddress(mappedAddressBytes(address))).toBe(address);
      expect(plainAddress(`::ffff:${address}`)).toBe(address);
    }));
    fc.assert(fc.property(fc.uuid(), (uuid) => {
      expect(formatUuid(parseUuid(uuid))).toBe(uuid);
    }));
  });

  it('of other shapes are none', () => {
    expect(formatIpAddress(Buffer.from('00000000000000000000000000000001', 'hex'))).toBe('::1');
    expect(formatIpAddress(Buffer.from([10, 0, 0, 1]))).toBe('10.0.0.1');
    expect(formatIpAddress(Buffer.from([1, 2, 3]))).toBe('');
    expect(mappedAddressBytes('::1').byteLength).toBe(0);
    expect(plainAddress('::1')).toBe('::1');
    expect(formatUuid(Buffer.alloc(15))).toBeUndefined();
    expect(() => parseUuid('11111111-2222-4333-8444-55555555555g')).toThrow(TypeError);
  });
});
