import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { createVictim } from './daemon-process.js';

test('a crowd that says nothing does not take the descriptors that a change needs', async () => {
  const victim = await createVictim();
  const daemon = await victim.start({}, ['/bin/sh', '-c', 'ulimit -n 200; exec "$@"', 'sh']);
  await victim.setUp();
  const crowd: Socket[] = [];
  for (let count = 0; count < 1_000; count += 1) {
    const socket = connect(victim.socketPath);
    socket.on('error', () => socket.destroy());
    crowd.push(socket);
  }
  // Each has been let in or turned away.
  await expect.poll(() => crowd.filter(({ connecting }) => connecting).length).toBe(0);
  await expect.poll(() => daemon.descriptors()).toBeGreaterThan(90);
  // One of them makes room.
  expect(await victim.client.addRule({ hostname: 'app.example.com', destination: 'http://127.0.0.1:1' })).toMatchObject({ outcome: 'applied' });
  expect(daemon.descriptors()).toBeLessThan(160);
  for (const socket of crowd) socket.destroy();
  await expect.poll(async () => (await victim.client.status()).connectors.filter(({ state }) => state === 'ready').length).toBe(1);
  expect(daemon.log()).not.toMatch(/EMFILE|DESCRIPTORS_EXHAUSTED/);
});
