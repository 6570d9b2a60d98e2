import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BUDGET_LIMIT, BUDGET_WINDOW_MS, createRequestBudget } from '../../../src/cloudflare/request-budget.js';
import { createTestClock } from './test-clock.js';

const never = new AbortController().signal;

describe('the budget of requests', () => {
  test('lets a thousand go at once, and makes the rest wait until the window has moved on', async () => {
    const clock = createTestClock();
    const budget = createRequestBudget(clock);
    for (let count = 0; count < BUDGET_LIMIT; count += 1) await budget.take(never);
    let gone = false;
    const late = budget.take(never).then(() => (gone = true));
    await clock.whenAsleep(() => true);
    clock.advance(BUDGET_WINDOW_MS - 1);
    await clock.whenAsleep((ms) => ms === BUDGET_WINDOW_MS);
    expect(gone).toBe(false);
    clock.advance(1);
    await late;
  });

  test('never lets more than the limit go in any window, and lets nobody wait longer than needed', async () => {
    const pauses = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 400 })), { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(pauses, async (gaps) => {
        const clock = createTestClock(() => true);
        const budget = createRequestBudget(clock, 5, 100);
        const sentAt: number[] = [];
        for (const gap of gaps) {
          clock.advance(gap);
          const askedAt = clock.monotonic();
          await budget.take(never);
          const fifthLast = sentAt.at(-5) ?? Number.NEGATIVE_INFINITY;
          expect(clock.monotonic()).toBe(Math.max(askedAt, fifthLast + 100));
          sentAt.push(clock.monotonic());
        }
        for (const at of sentAt) expect(sentAt.filter((other) => other > at - 100 && other <= at).length).toBeLessThanOrEqual(5);
      }),
      { numRuns: 100 },
    );
  });

  test('holds everybody back while Cloudflare wants it', async () => {
    const clock = createTestClock();
    const budget = createRequestBudget(clock, 5, 100);
    budget.pause(7_000);
    const order: number[] = [];
    const both = Promise.all([budget.take(never).then(() => order.push(1)), budget.take(never).then(() => order.push(2))]);
    await clock.whenAsleep((ms) => ms === 7_000);
    expect(order).toEqual([]);
    clock.advance(7_000);
    await both;
    expect(order).toEqual([1, 2]);
  });

  test('who gives up does not wait for those before, and does not hold up those behind', async () => {
    const clock = createTestClock();
    const budget = createRequestBudget(clock, 1, 100);
    await budget.take(never);
    const first = budget.take(never);
    const impatient = new AbortController();
    const second = budget.take(impatient.signal);
    const third = budget.take(never);
    impatient.abort(new Error('no longer'));
    await expect(second).rejects.toThrow('no longer');
    await expect(budget.take(AbortSignal.abort(new Error('never was')))).rejects.toThrow('never was');
    clock.advance(100);
    await first;
    await clock.whenAsleep((ms) => ms === 100);
    clock.advance(100);
    await third;
  });

  test('says when several could go, and takes none', async () => {
    const clock = createTestClock(() => true);
    const budget = createRequestBudget(clock, 5, 100);
    for (const at of [0, 10, 10, 10]) {
      clock.advance(at);
      await budget.take(never);
    }
    await budget.whenFree(1, never);
    expect(clock.monotonic()).toBe(30);
    await budget.whenFree(3, never);
    expect(clock.monotonic()).toBe(110);
    await budget.whenFree(5, never);
    expect(clock.monotonic()).toBe(130);
  });
});
