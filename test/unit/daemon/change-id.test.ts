import { expect, test } from 'vitest';
import { createChangeIds } from '../../../src/daemon/change-id.js';

test('names of changes are unique, sortable by time and file names, also when the clock stands or goes back', () => {
  const times = [1000, 1000, 1001, 500, 500, 2000];
  const createId = createChangeIds({ now: () => times.shift() ?? 3000, monotonic: () => 0, sleep: () => Promise.resolve() });
  const ids = Array.from({ length: 7 }, () => createId());
  expect(ids.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^\d{8}T\d{9}Z-\d{4}-[0-9a-f]{6}$/);
});
