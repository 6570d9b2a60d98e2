import { expect, test } from 'vitest';
import { EXIT_CODES, exitCodeOf } from '../../../src/cli/exit-codes.js';
import { ERRORS, type ErrorCode } from '../../../src/core/errors.js';

const CODES = Object.keys(ERRORS) as ErrorCode[];

test('the command line exits with what the table of errors says', () => {
  expect(CODES.map((code) => [code, exitCodeOf(code)])).toEqual(CODES.map((code) => [code, ERRORS[code].exit]));
  expect(exitCodeOf('INTERRUPTED')).toBe(130);
});

test('each exit code of the table is one that help explains', () => {
  const explained = new Set(EXIT_CODES.map(([code]) => code));
  expect(CODES.filter((code) => !explained.has(ERRORS[code].exit))).toEqual([]);
});
