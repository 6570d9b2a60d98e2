import { describe, expect, test } from 'vitest';
import { Bell } from '../../../src/devices/bell.js';
import { mapLimited } from '../../../src/devices/limited.js';
import { Pace } from '../../../src/devices/pace.js';
import { Removals } from '../../../src/devices/removals.js';
import { createTestClock } from '../cloudflare/test-clock.js';

describe('the pace of changes', () => {
  test('a few go at once; then the gap doubles up to a minute, and is short again after two quiet ones', () => {
    const clock = createTestClock();
    const pace = new Pace(clock);
    const waits: number[] = [];
    for (let count = 0; count < 12; count += 1) {
      waits.push(pace.wait());
      clock.advance(pace.wait());
      pace.note();
    }
    expect(waits).toEqual([0, 1_000, 1_000, 1_000, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    clock.advance(121_000);
    expect(pace.wait()).toBe(0);
    pace.note();
    expect(pace.wait()).toBe(1_000);
  });
});

describe('removals', () => {
  test('are believed when they are said again a while later, and forgotten when the container is seen', () => {
    const clock = createTestClock();
    const removals = new Removals(clock);
    expect(removals.confirm(['1', '2'], ['1'])).toEqual([]);
    expect(removals.waitMs).toBe(4_000);
    clock.advance(3_999);
    expect(removals.confirm(['1', '2'], ['1', '2'])).toEqual([]);
    clock.advance(1);
    expect(removals.confirm(['1', '2'], ['1', '2'])).toEqual(['1']);
    expect(removals.confirm(['1', '2'], ['2'])).toEqual([]);
    clock.advance(4_000);
    expect(removals.confirm(['1', '2'], ['1', '2'])).toEqual(['2']);
    removals.forget(['1', '2']);
    expect(removals.waitMs).toBeUndefined();
  });
});

describe('the bell', () => {
  test('what rang before is heard at the next sleep, each cause once', async () => {
    const bell = new Bell<'a' | 'b'>(createTestClock());
    bell.ring('a');
    bell.ring('a');
    bell.ring('b');
    expect([...await bell.sleep(1_000, new AbortController().signal)].sort()).toEqual(['a', 'b']);
  });

  test('wakes, or lets sleep until the time is over', async () => {
    const clock = createTestClock();
    const bell = new Bell<'a'>(clock);
    const { signal } = new AbortController();
    const woken = bell.sleep(1_000, signal);
    bell.ring('a');
    expect([...await woken]).toEqual(['a']);
    const slept = bell.sleep(1_000, signal);
    clock.advance(1_000);
    expect([...await slept]).toEqual([]);
  });

  test('is silent for who is told to stop', async () => {
    const end = new AbortController();
    const bell = new Bell<'a'>(createTestClock());
    const sleeping = bell.sleep(1_000, end.signal);
    end.abort(new Error('stopped'));
    await expect(sleeping).rejects.toThrow('stopped');
    bell.ring('a');
    await expect(bell.sleep(1_000, end.signal)).rejects.toThrow('stopped');
  });
});

describe('a few at a time', () => {
  test('in order, never more than the limit', async () => {
    let running = 0;
    let most = 0;
    const results = await mapLimited([...Array.from({ length: 20 }).keys()], 3, async (item) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return item * 2;
    });
    expect(results).toEqual(Array.from({ length: 20 }, (_, item) => item * 2));
    expect(most).toBe(3);
  });

  test('the first failure ends it, and none goes on unseen', async () => {
    const done: number[] = [];
    await expect(mapLimited([1, 2, 3, 4], 2, async (item) => {
      if (item === 1) throw new Error('first');
      await new Promise((resolve) => setImmediate(resolve));
      done.push(item);
    })).rejects.toThrow('first');
    expect(done).toEqual([2, 3, 4]);
  });
});
