import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePath, pathOfPattern, pathPattern } from '../../../src/forwarding/path.js';

const pathOf = (input: string): string | undefined => {
  const result = parsePath(input);
  if (!result.ok) throw new Error(result.message);
  return result.value;
};

describe('a path', () => {
  test.each([
    ['/', undefined],
    ['/api', '/api'],
    ['/api/', '/api'],
    ['/API/v1', '/API/v1'],
    ['/a%20b', '/a%20b'],
    ['/a%2eb', '/a.b'],
    ['/caf%C3%A9', '/caf%C3%A9'],
    ['/café', '/caf%C3%A9'],
    ['/100%25', '/100%25'],
    ['/a+b(c)[d]{e}|^$', '/a+b(c)%5Bd%5D%7Be%7D%7C%5E$'],
    ['/~user/;x=1,y=2:@!', '/~user/;x=1,y=2:@!'],
  ])('%s', (input, expected) => {
    expect(pathOf(input)).toBe(expected);
  });

  test.each([
    ['nothing', ''],
    ['no slash', 'api'],
    ['a query', '/api?x=1'],
    ['a fragment', '/api#x'],
    ['a blank', '/a b'],
    ['a newline', '/a\nb'],
    ['an encoded newline', '/a%0Ab'],
    ['an encoded null byte', '/a%00b'],
    ['two slashes', '/a//b'],
    ['two slashes first', '//a'],
    ['an encoded slash', '/a%2Fb'],
    ['a backslash', '/a\\b'],
    ['dots', '/a/../b'],
    ['encoded dots', '/a/%2e%2E/b'],
    ['a stray percent sign', '/100%'],
    ['bytes that are no UTF-8', '/%ff'],
    ['a lone surrogate', '/\ud800'],
    ['a long one', `/${'a'.repeat(1024)}`],
  ])('with %s is refused', (_, input) => {
    const result = parsePath(input);
    expect(result).toMatchObject({ ok: false, code: 'PATH_INVALID' });
  });
});

describe('its pattern', () => {
  const matches = (path: string, asked: string): boolean => new RegExp(pathPattern(path), 'u').test(asked);

  test('is a prefix by segment', () => {
    expect(pathPattern('/api')).toBe('^/api(/|$)');
    expect(matches('/api', '/api')).toBe(true);
    expect(matches('/api', '/api/')).toBe(true);
    expect(matches('/api', '/api/v1')).toBe(true);
    expect(matches('/api', '/apiary')).toBe(false);
    expect(matches('/api', '/x/api')).toBe(false);
  });

  test('compares what cloudflared compares: the decoded path', () => {
    expect(pathPattern('/a%20b.c')).toBe('^/a b\\.c(/|$)');
  });

  const segment = fc.string({ unit: fc.oneof(fc.constantFrom(...'.+*?()|[]{}^$\\-/%"\'#:&~ab'.split('')), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 })), maxLength: 12 });

  test('leaks no regular expression: it matches the prefix itself, and nothing that does not begin with it', () => {
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 3 }), segment, (segments, other) => {
        const result = parsePath(`/${segments.join('/')}`);
        if (!result.ok || result.value === undefined) return;
        const path = result.value;
        const decoded = decodeURIComponent(path);
        expect(matches(path, decoded)).toBe(true);
        expect(matches(path, `${decoded}/x`)).toBe(true);
        const asked = `/${other}`;
        expect(matches(path, asked)).toBe(asked === decoded || asked.startsWith(`${decoded}/`));
      }),
      { numRuns: 3000 },
    );
  });

  test('leads back to the path, and other patterns to none', () => {
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 3 }), (segments) => {
        const result = parsePath(`/${segments.join('/')}`);
        if (!result.ok || result.value === undefined) return;
        expect(parsePath(result.value)).toEqual(result);
        expect(pathOfPattern(pathPattern(result.value))).toBe(result.value);
      }),
      { numRuns: 2000 },
    );
    for (const pattern of ['/api', '^/api', '^/a.i(/|$)', '^/(a|b)(/|$)', '.*', '^(/|$)', '^/api/(/|$)', '^/a\\d(/|$)']) expect(pathOfPattern(pattern)).toBeUndefined();
  });
});
