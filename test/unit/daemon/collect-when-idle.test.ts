import { once, EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { collectWhenIdle } from '../../../src/daemon/collect-when-idle.js';

test('collects once after the last of several changes, and not for other events', async () => {
  const bell = new EventEmitter();
  let collected = 0;
  const hear = collectWhenIdle(() => {
    collected += 1;
    bell.emit('collected');
  }, 20);
  const first = once(bell, 'collected');
  hear({ type: 'connector.started' });
  for (let change = 0; change < 10; change += 1) hear({ type: 'forwarding.applied' });
  expect(collected).toBe(0);
  await first;
  const second = once(bell, 'collected');
  hear({ type: 'daemon.ready' });
  await second;
  expect(collected).toBe(2);
});

test('has a collector of this process by default', () => {
  expect(() => collectWhenIdle()).not.toThrow();
});
