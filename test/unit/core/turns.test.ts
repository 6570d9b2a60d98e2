import { expect, test } from 'vitest';
import { nextTurn } from '../../../src/core/turns.js';
import { validateRules } from '../../../src/forwarding/validate.js';

/** One for each round of the event loop, until stopped: whoever asks something small is served in each. */
function countRounds(): { stop(): number } {
  let rounds = 0;
  let handle: NodeJS.Immediate;
  const count = (): void => {
    rounds += 1;
    handle = setImmediate(count);
  };
  handle = setImmediate(count);
  return {
    stop: () => {
      clearImmediate(handle);
      return rounds;
    },
  };
}

test('who computes for long takes turns with others who do, one a round', async () => {
  const order: string[] = [];
  const compute = async (name: string): Promise<void> => {
    for (let slice = 0; slice < 3; slice += 1) {
      await nextTurn();
      order.push(name);
    }
  };
  const done = Promise.all(['a', 'b', 'c'].map(compute));
  for (let round = 0; round < 12; round += 1) {
    await new Promise((resolve) => void setImmediate(resolve));
    order.push('.');
  }
  await done;
  expect(order.join('').replaceAll('.', '')).toBe('abcabcabc');
  // Between any two of them somebody else had the chance.
  expect(order.join('')).not.toMatch(/[abc]{2}/);
});

test('lists that are long leave room for others between their parts, however many there are', async () => {
  const rules = Array.from({ length: 1_000 }, (_, index) => ({ hostname: `n${index}.example.com`, destination: 'http_status:404' }));
  await validateRules(rules.slice(0, 1), { zone: 'example.com', outsideZone: 'refuse' });
  const rounds = countRounds();
  await Promise.all(Array.from({ length: 4 }, async () => await validateRules(rules, { zone: 'example.com', outsideZone: 'refuse' })));
  expect(rounds.stop()).toBeGreaterThanOrEqual(4 * 4 - 1);
});
