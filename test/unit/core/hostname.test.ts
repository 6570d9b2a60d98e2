import { domainToUnicode } from 'node:url';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isInZone, parseHostname } from '../../../src/core/hostname.js';

const nameOf = (input: string): string | undefined => {
  const result = parseHostname(input);
  return result.ok ? result.value.hostname : undefined;
};
const codeOf = (input: string): string | undefined => {
  const result = parseHostname(input);
  return result.ok ? undefined : result.code;
};

describe('names that are taken', () => {
  test.each([
    ['app.example.com', 'app.example.com'],
    ['App.EXAMPLE.com', 'app.example.com'],
    ['app.example.com.', 'app.example.com'],
    ['*.example.com', '*.example.com'],
    ['*.Sub.example.com.', '*.sub.example.com'],
    ['bücher.example.com', 'xn--bcher-kva.example.com'],
    ['BÜCHER.example.com', 'xn--bcher-kva.example.com'],
    ['bu\u0308cher.example.com', 'xn--bcher-kva.example.com'],
    ['faß.example.com', 'xn--fa-hia.example.com'],
    ['xn--bcher-kva.example.com', 'xn--bcher-kva.example.com'],
    ['XN--BCHER-KVA.example.com', 'xn--bcher-kva.example.com'],
    ['例え.example.com', 'xn--r8jz45g.example.com'],
    ['598.example.com', '598.example.com'],
    ['1_598.example.com', '1_598.example.com'],
    ['_dmarc.example.com', '_dmarc.example.com'],
    ['a--b.example.com', 'a--b.example.com'],
    [`${'a'.repeat(63)}.example.com`, `${'a'.repeat(63)}.example.com`],
  ])('%s', (input, expected) => {
    expect(nameOf(input)).toBe(expected);
  });

  test('of 253 characters', () => {
    const name = `${`${'a'.repeat(49)}.`.repeat(5)}com`;
    expect(name).toHaveLength(253);
    expect(nameOf(name)).toBe(name);
    expect(codeOf(`a${name.slice(0, 5)}${name}`)).toBe('HOSTNAME_INVALID');
  });

  test('a wildcard is told from a name', () => {
    const result = parseHostname('*.example.com');
    expect(result).toEqual({ ok: true, value: { hostname: '*.example.com', wildcard: true } });
  });
});

describe('names that are refused', () => {
  test('an empty one', () => {
    expect(codeOf('')).toBe('HOSTNAME_REQUIRED');
  });

  test.each([
    ['a blank', 'a b.example.com'],
    ['a blank before', ' app.example.com'],
    ['a newline', 'app.example.com\n  - hostname: evil.example.com'],
    ['a tab', 'a\tb.example.com'],
    ['a null byte', 'a\0b.example.com'],
    ['a no-break space', 'a\u00a0b.example.com'],
    ['a C1 control', 'a\u0085b.example.com'],
    ['an ideographic full stop', 'a。example.com'],
    ['full-width letters', '\uff41pp.example.com'],
    ['a ligature', '\ufb01le.example.com'],
    ['a soft hyphen', 'a\u00adpp.example.com'],
    ['a zero width joiner', 'a\u200dpp.example.com'],
    ['a zero width space', 'a\u200bpp.example.com'],
    ['a right-to-left override', 'a\u202epp.example.com'],
    ['a lone surrogate', 'a\ud800.example.com'],
    ['a leading combining mark', '\u0301a.example.com'],
    ['a symbol', '☃.example.com'],
    ['the Kelvin sign', '\u212aelvin.example.com'],
    ['the long s', '\u017f.example.com'],
    ['a percent sign', 'exa%6dple.com'],
    ['a port', 'app.example.com:443'],
    ['a path', 'app.example.com/x'],
    ['a scheme', 'https://app.example.com'],
    ['a user', 'user@example.com'],
    ['a quote', 'a"b.example.com'],
    ['a hash', 'a#b.example.com'],
    ['an empty label', 'a..example.com'],
    ['two final dots', 'example.com..'],
    ['a leading dot', '.example.com'],
    ['a leading hyphen', '-a.example.com'],
    ['a trailing hyphen', 'a-.example.com'],
    ['a long label', `${'a'.repeat(64)}.example.com`],
    ['a label that is long in ASCII', `${'ü'.repeat(60)}.example.com`],
    ['a bare star', '*'],
    ['a star within', 'a.*.example.com'],
    ['a star in a label', 'a*.example.com'],
    ['a star without a dot', '*example.com'],
    ['two stars', '*.*.example.com'],
    ['an IPv4 address', '10.0.0.1'],
    ['an IPv6 address', '::1'],
    ['an IPv6 address in brackets', '[::1]'],
    ['a hex address', '0x7f.1'],
    ['a number at the end', 'example.1'],
    ['bad punycode', 'xn--a.example.com'],
    ['punycode of ASCII', 'xn--abc-.example.com'],
  ])('%s', (_, input) => {
    expect(codeOf(input)).toBe('HOSTNAME_INVALID');
  });

  test('the message names the input on one line', () => {
    const result = parseHostname(`evil\n\u202e${'x'.repeat(5000)}`);
    expect(result.ok).toBe(false);
    if (result.ok) return;
    expect(result.message).not.toMatch(/[\n\u202e]/);
    expect(result.message.length).toBeLessThan(200);
  });
});

describe('the zone', () => {
  test.each([
    ['example.com', true],
    ['app.example.com', true],
    ['*.example.com', true],
    ['notexample.com', false],
    ['example.com.evil.org', false],
    ['com', false],
    ['*.com', false],
  ])('%s', (name, inside) => {
    expect(isInZone(name, 'example.com')).toBe(inside);
  });
});

describe('any input', () => {
  const alphabet = fc.constantFrom(...'aZ0-_.*:/\\[]@%#? \n\t\0'.split(''), 'ü', 'ß', '。', 'ａ', '\u00ad', '\u200d', '\u202e', '例', 'xn--', '\ud800', '\u0301', 'İ', 'ſ');
  const hostile = fc.oneof(fc.string({ unit: 'binary', maxLength: 80 }), fc.array(alphabet, { maxLength: 30 }).map((parts) => parts.join('')), fc.domain());

  test('gives a name of plain labels, or a reason', () => {
    fc.assert(
      fc.property(hostile, (input) => {
        const result = parseHostname(input);
        if (!result.ok) {
          expect(result.message).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
          return;
        }
        const { hostname, wildcard } = result.value;
        expect(hostname.length).toBeLessThanOrEqual(253);
        expect(wildcard).toBe(hostname.startsWith('*.'));
        for (const label of (wildcard ? hostname.slice(2) : hostname).split('.')) expect(label).toMatch(/^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/);
      }),
      { numRuns: 3000 },
    );
  });

  test('a name is its own normal form, in its Unicode form too', () => {
    fc.assert(
      fc.property(hostile, (input) => {
        const result = parseHostname(input);
        if (!result.ok) return;
        const { hostname, wildcard } = result.value;
        expect(nameOf(hostname)).toBe(hostname);
        const unicode = (wildcard ? hostname.slice(2) : hostname).split('.').map((label) => (label.startsWith('xn--') ? domainToUnicode(label) : label)).join('.');
        const again = nameOf((wildcard ? '*.' : '') + unicode);
        // Labels with joiners are taken in their ASCII form only.
        if (!/[\u200c\u200d]/.test(unicode)) expect(again).toBe(hostname);
      }),
      { numRuns: 3000 },
    );
  });

  test('only ASCII input can give an ASCII label', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }), (label) => {
        const name = nameOf(`${label}.example.com`);
        if (name === undefined || /^[\0-\x7f]*$/.test(label)) return;
        expect(name).toMatch(/xn--/);
      }),
      { numRuns: 3000 },
    );
  });
});
