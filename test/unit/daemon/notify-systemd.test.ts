import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSystemdNotifier, readWatchdogInterval } from '../../../src/daemon/notify-systemd.js';
import { silentLogger } from '../../../src/host/logging.js';

let directory = '';
let told = '';

/** In the place of systemd's program: writes down what it is told, and by whom it was called. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'notify-'));
  told = join(directory, 'told');
  const program = join(directory, 'systemd-notify');
  await writeFile(program, `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >> ${told}\nenv | grep -c SECRET >> ${told}\nexit 0\n`);
  await chmod(program, 0o755);
});
afterAll(() => rm(directory, { recursive: true }));

test('tells systemd when we serve and when we stop, and nothing of our environment', async () => {
  const notifier = createSystemdNotifier({ NOTIFY_SOCKET: '/run/n', PATH: `${directory}:/usr/bin:/bin`, SECRET: 'x' }, silentLogger);
  await notifier.ready(() => true);
  await notifier.stopping();
  expect((await readFile(told, 'utf8')).trim().split('\n')).toEqual([`/run/n --pid=${process.pid} --ready`, '0', `/run/n --pid=${process.pid} STOPPING=1`, '0']);
});

test('a missing program is no reason to fail', async () => {
  const notifier = createSystemdNotifier({ NOTIFY_SOCKET: '/run/n', PATH: '/nowhere' }, silentLogger);
  await expect(notifier.ready(() => true)).resolves.toBeUndefined();
});

test.each([
  [{}, undefined],
  [{ WATCHDOG_USEC: '30000000' }, 10_000],
  [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: String(process.pid) }, 10_000],
  [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '1' }, undefined],
  [{ WATCHDOG_USEC: '0' }, undefined],
  [{ WATCHDOG_USEC: 'x' }, undefined],
])('the watchdog of %j is fed every %s ms', (environment, expected) => {
  expect(readWatchdogInterval(environment)).toBe(expected);
});
