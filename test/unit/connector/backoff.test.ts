import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addFailure, addStart, earliestStart, forgetBarren, NO_FAILURES, restartAt, slowRetryAt } from '../../../src/connector/backoff.js';
import { DEFAULT_POLICY as policy } from '../../../src/connector/policy.js';

const latest = (): number => 1;

describe('backoff', () => {
  test('the first restart is at once; then delays double up to a minute', () => {
    let backoff = NO_FAILURES;
    const delays: number[] = [];
    for (let failures = 0; failures < 9; failures += 1) {
      backoff = addFailure(backoff, 0, policy);
      delays.push(restartAt(backoff, 0, policy, latest));
    }
    expect(delays).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  });

  test('jitter takes up to a quarter away, and never adds', () => {
    fc.assert(fc.property(fc.integer({ min: 2, max: 30 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (level, random) => {
      const full = restartAt({ ...NO_FAILURES, level }, 0, policy, latest);
      const delay = restartAt({ ...NO_FAILURES, level }, 0, policy, () => random);
      expect(delay).toBeLessThanOrEqual(full);
      expect(delay).toBeGreaterThanOrEqual(full * 0.75);
    }));
  });

  test('serving makes failures decay, waiting does not', () => {
    const many = { ...NO_FAILURES, level: 6 };
    expect(addFailure(many, 0, policy).level).toBe(7);
    expect(addFailure(many, policy.failureHalfLifeMs, policy).level).toBe(4);
    expect(addFailure(many, 60_000, policy).level).toBeCloseTo(1, 5);
    expect(restartAt(addFailure(many, 60_000, policy), 5, policy, latest)).toBe(5);
  });

  test('no more than five starts that got nowhere in any minute', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 30_000 }), { minLength: 1, maxLength: 40 }), (pauses) => {
      let now = 0;
      let backoff = NO_FAILURES;
      const starts: number[] = [];
      for (const pause of pauses) {
        now = earliestStart(backoff, now + pause, policy);
        backoff = addStart(backoff, now, policy);
        starts.push(now);
      }
      for (const [index, at] of starts.entries()) expect(at - (starts[index - 5] ?? -Infinity)).toBeGreaterThanOrEqual(60_000);
    }));
  });

  test('getting ready frees the starts', () => {
    let backoff = NO_FAILURES;
    for (let start = 0; start < 5; start += 1) backoff = addStart(backoff, start, policy);
    expect(earliestStart(backoff, 10, policy)).toBe(60_000);
    expect(earliestStart(forgetBarren(backoff), 10, policy)).toBe(10);
  });

  test('what only a person can cure is tried again after minutes', () => {
    const delays = [1, 2, 3, 4, 5].map((slow) => slowRetryAt({ ...NO_FAILURES, slow }, 0, policy, latest) / 60_000);
    expect(delays).toEqual([2, 4, 8, 10, 10]);
  });
});
