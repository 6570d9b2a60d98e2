import { expect, test } from 'vitest';
import { integerOf, isFalsy, pythonRepr, pythonTimeOf, textOf, toPythonTime } from '../../../src/portacode/python-text.js';

// What Python 3.11 prints for repr(text).
test.each([
  ['evil.org', "'evil.org'"],
  ["it's", `"it's"`],
  [`it's "quoted"`, `'it\\'s "quoted"'`],
  ['a\nb\tc\rd\\', String.raw`'a\nb\tc\rd\\'`],
  ['\u0000\u007f\u00a0\u00ad', String.raw`'\x00\x7f\xa0\xad'`],
  ['\u200b\u2028', String.raw`'\u200b\u2028'`],
  ['müller.example', "'müller.example'"],
  ['\u{1f600}', "'\u{1f600}'"],
  ['\u{e0001}', String.raw`'\U000e0001'`],
])('quotes %j as Python does', (text, expected) => {
  expect(pythonRepr(text)).toBe(expected);
});

test.each<[unknown, string]>([
  [' 6 ', '6'], [6, '6'], [0, ''], ['', ''], [null, ''], [undefined, ''], [true, 'True'], [false, ''], [{}, ''], [[1], ''],
])('reads %j as text', (value, expected) => {
  expect(textOf(value)).toBe(expected);
});

test.each<[unknown, number | undefined]>([
  [8000, 8000], [' 8000 ', 8000], ['+8000', 8000], ['8_000', 8000], ['-1', -1], ['080', 80],
  [8000.5, undefined], ['8000.0', undefined], ['1e3', undefined], ['', undefined], [null, undefined], [true, undefined], ['0x50', undefined], ['8__000', undefined],
])('reads %j as an integer', (value, expected) => {
  expect(integerOf(value)).toBe(expected);
});

test('knows what Python takes for false', () => {
  expect([undefined, null, false, 0, '', [], {}].map(isFalsy)).toEqual([true, true, true, true, true, true, true]);
  expect([true, 1, ' ', [0], { a: 0 }].map(isFalsy)).toEqual([false, false, false, false, false]);
});

test('writes times with six digits and an offset', () => {
  expect(toPythonTime(Date.UTC(2026, 0, 1))).toBe('2026-01-01T00:00:00.000000+00:00');
  expect(pythonTimeOf('2026-08-21T10:11:12.345Z')).toBe('2026-08-21T10:11:12.345000+00:00');
  expect(pythonTimeOf('yesterday')).toBe('yesterday');
});
