import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isContainerAddress } from '../../../src/core/container-address.js';
import { tabulateLeases } from '../../../src/devices/lease-table.js';
import { parseLeases, type Lease } from '../../../src/devices/parse-leases.js';

const MAC = 'bc:24:11:aa:bb:cc';
const OTHER = 'bc:24:11:00:00:01';
const NOW = 1_800_000_000_000;

const mac = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 6, maxLength: 6 })
  .map((bytes) => bytes.map((byte, index) => (index === 0 ? byte & 0xfe : byte).toString(16).padStart(2, '0')).join(':'))
  .filter((text) => text !== '00:00:00:00:00:00');
const word = fc.string({ unit: 'grapheme-ascii', minLength: 1 }).map((text) => text.replaceAll(/\s/g, '_'));
const line = fc.tuple(fc.integer({ min: 1, max: 4_000_000_000 }), mac, fc.ipV4().filter(isContainerAddress), fc.oneof(fc.constant('*'), word), fc.oneof(fc.constant('*'), word));
const asLease = ([expiry, hardware, address]: readonly [number, string, string, ...unknown[]]): Lease => ({ mac: hardware, address, expiresAt: expiry * 1000 });
const write = (lines: readonly (readonly unknown[])[]): string => lines.map((fields) => `${fields.join(' ')}\n`).join('');

describe('a lease file', () => {
  test('as dnsmasq writes it', () => {
    const text = [
      `1893456000 ${MAC} 10.10.0.111 web 01:${MAC}`,
      `0 ${OTHER.toUpperCase()} 10.10.0.112 * *`,
      'duid 00:01:00:01:2c:de:11:22:bc:24:11:aa:bb:cc',
      '1893456000 286331153 fd00::1f4 web 00:01:00:01:2c:de:11:22:bc:24:11:aa:bb:cc',
      '',
    ].join('\n');
    expect(parseLeases(text)).toEqual({ leases: [{ mac: MAC, address: '10.10.0.111', expiresAt: 1_893_456_000_000 }, { mac: OTHER, address: '10.10.0.112', expiresAt: Infinity }], torn: false });
  });

  test.each([
    ['a short line', `1893456000 ${MAC} 10.10.0.111`],
    ['no expiry', `never ${MAC} 10.10.0.111 * *`],
    ['a negative expiry', `-1 ${MAC} 10.10.0.111 * *`],
    ['an expiry that no clock reaches', `${'9'.repeat(30)} ${MAC} 10.10.0.111 * *`],
    ['another kind of hardware', `1893456000 06-${MAC} 10.10.0.111 * *`],
    ['a group address', '1893456000 01:00:5e:00:00:01 10.10.0.111 * *'],
    ['no hardware', '1893456000 00:00:00:00:00:00 10.10.0.111 * *'],
    ['the host itself', `1893456000 ${MAC} 127.0.0.1 * *`],
    ['an address that means nothing elsewhere', `1893456000 ${MAC} 169.254.169.254 * *`],
    ['a group of addresses', `1893456000 ${MAC} 224.0.0.1 * *`],
    ['an octal address', `1893456000 ${MAC} 010.10.0.111 * *`],
    ['a network', `1893456000 ${MAC} 10.10.0.0/24 * *`],
    ['IPv6', `1893456000 ${MAC} fd00::1 * *`],
    ['digits of another script', `١٨٩٣٤٥٦٠٠٠ ${MAC} 10.10.0.111 * *`],
  ])('%s is passed over', (_, text) => {
    expect(parseLeases(`${text}\n1893456000 ${OTHER} 10.10.0.5 * *\n`).leases.map((lease) => lease.address)).toEqual(['10.10.0.5']);
  });

  test('a line that is not ended is not believed: it may be the beginning of another address', () => {
    expect(parseLeases(`1893456000 ${MAC} 10.10.0.1`)).toEqual({ leases: [], torn: true });
    expect(parseLeases(`1893456000 ${MAC} 10.10.0.111 * *`)).toEqual({ leases: [], torn: true });
  });

  test('whatever a client calls itself, each line says what it says', () => {
    fc.assert(fc.property(fc.array(line), (lines) => {
      expect(parseLeases(write(lines))).toEqual({ leases: lines.map(asLease), torn: false });
    }));
  });

  test('cut off anywhere, it holds nothing that is not in the whole', () => {
    fc.assert(fc.property(fc.array(line, { maxLength: 8 }), fc.nat(), (lines, at) => {
      const text = write(lines);
      const { leases } = parseLeases(text.slice(0, text.length === 0 ? 0 : at % text.length));
      expect(lines.map(asLease).slice(0, leases.length)).toEqual(leases);
    }));
  });

  test('no text is too wild', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
      for (const lease of parseLeases(text).leases) expect(lease.address).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    }));
  });
});

describe('the table of leases', () => {
  const lease = (hardware: string, address: string, seconds: number): Lease => ({ mac: hardware, address, expiresAt: seconds === 0 ? Infinity : NOW + seconds * 1000 });

  test('the one that lasts longest first; the expired apart; nobody holds what expired', () => {
    const table = tabulateLeases([lease(MAC, '10.10.0.1', 10), lease(MAC, '10.10.0.2', 0), lease(MAC, '10.10.0.3', 20), lease(MAC, '10.10.0.4', 0), lease(MAC, '10.10.0.5', -1)], NOW);
    expect(table.addressesOf(MAC)).toEqual(['10.10.0.2', '10.10.0.4', '10.10.0.3', '10.10.0.1']);
    expect(table.expiredAddressesOf(MAC)).toEqual(['10.10.0.5']);
    expect([...table.holdersOf('10.10.0.5')]).toEqual([]);
    expect([...table.holdersOf('10.10.0.1')]).toEqual([MAC]);
  });

  test('a lease ends at its second', () => {
    expect(tabulateLeases([lease(MAC, '10.10.0.1', 0.001)], NOW).addressesOf(MAC)).toEqual(['10.10.0.1']);
    expect(tabulateLeases([{ mac: MAC, address: '10.10.0.1', expiresAt: NOW }], NOW).addressesOf(MAC)).toEqual([]);
  });

  test('an address with two holders has both', () => {
    expect([...tabulateLeases([lease(MAC, '10.10.0.1', 5), lease(OTHER, '10.10.0.1', 5)], NOW).holdersOf('10.10.0.1')].sort()).toEqual([OTHER, MAC].sort());
  });
});
