import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { formatDuration, parseDurationMs } from '../../../src/sandbox/stand-in/go-duration.js';

describe('durations', () => {
  test.each<[text: string, ms: number | undefined]>([
    ['30s', 30_000], ['1m30s', 90_000], ['1.5h', 5_400_000], ['250ms', 250], ['1h2m3s', 3_723_000], ['0', 0], ['-1s', -1000], ['.5s', 500], ['1µs', 0.001], ['2ns', 0.000_002],
    ['30', undefined], ['', undefined], ['s', undefined], ['1x', undefined], ['1s ', undefined], ['1 s', undefined], ['--1s', undefined],
  ])('%s is %s ms', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  test.each<[ms: number, text: string]>([[0, '0s'], [2000, '2s'], [64_000, '1m4s'], [180_000, '3m0s'], [3_600_000, '1h0m0s'], [1500, '1.5s'], [250, '250ms'], [0.5, '500µs'], [-1000, '-1s']])('%d ms is %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test('what is printed is read back', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e9, max: 1e9 }), (ms) => {
        expect(Math.abs((parseDurationMs(formatDuration(ms)) ?? Number.NaN) - ms)).toBeLessThan(1e-3);
      }),
    );
  });
});
