import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseExactJson, plainNumbers, printExactJson } from '../../../src/portacode/state-files/exact-json.js';

describe('numbers as they were written', () => {
  test.each(['12345678901234567890', '1795520000123456789', '-9007199254740993', '1.0', '-0', '-0.0', '1e3', '1E+400', '0.10', '3.141592653589793238462643', 'NaN', 'Infinity', '-Infinity'])('%s comes back', (token) => {
    for (const text of [`{"a":${token}}`, `[${token},7,${token}]`, `{"a":{"b":[${token}]},"c":"${token}"}`]) expect(printExactJson(parseExactJson(text))).toBe(text);
  });

  test('the others are numbers', () => {
    expect(parseExactJson('{"a":1,"b":-2.5,"c":[9007199254740991,0]}')).toEqual({ a: 1, b: -2.5, c: [9_007_199_254_740_991, 0] });
  });

  test.each(['{"a":01}', '{1.0:2}', '{NaN:1}', '[1.0.0]', '[12NaN]', '[.5]', '[1.]', '[+1.0]', '[1.0', '[- 1.0]', '{"a":nan}', '"1.0', '[1.0]]', ''])('%s is no JSON, as before', (text) => {
    expect(() => parseExactJson(text)).toThrow(SyntaxError);
  });

  test('what looks like a number in a text is a text', () => {
    const value = { '1.0': 'a "NaN" \\ 1.0', b: 'Infinity, 1.0e5', c: '\\"1.0', d: '\u0000exact:1.0' };
    expect(parseExactJson(JSON.stringify(value))).toEqual(value);
    expect(printExactJson(value)).toBe(JSON.stringify(value));
  });

  test('who needs numbers gets them', () => {
    expect(plainNumbers(parseExactJson('{"a":[1.0,{"b":12345678901234567890,"c":"1.0"}],"d":null,"__proto__":{"e":2.0}}'))).toEqual(JSON.parse('{"a":[1,{"b":12345678901234567000,"c":"1.0"}],"d":null,"__proto__":{"e":2}}'));
  });

  test('whatever it is, it is read and printed as JSON', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      expect(plainNumbers(parseExactJson(text))).toEqual(JSON.parse(text));
      expect(printExactJson(parseExactJson(text))).toBe(text);
    }));
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', '[', ']', ':', ',', '1', '.', '0', '-', 'e', ' ', 'N', 'a') }), (text) => {
      const plain = attempt(() => JSON.parse(text) as unknown);
      if (plain !== undefined) expect(plainNumbers(parseExactJson(text))).toEqual(plain.value);
      else if (!/NaN/.test(text)) expect(() => parseExactJson(text)).toThrow(SyntaxError);
    }), { numRuns: 2_000 });
  });

  test('a text of megabytes is one text', () => {
    const text = `{"a":1.0,"b":"${'x\\"'.repeat(2_000_000)}"}`;
    expect(printExactJson(parseExactJson(text)) === text).toBe(true);
  });
});

function attempt<T>(work: () => T): { readonly value: T } | undefined {
  try {
    return { value: work() };
  } catch {
    return undefined; // the caller asks whether it works
  }
}
