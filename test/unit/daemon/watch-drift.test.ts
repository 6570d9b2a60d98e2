import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.js';
import type { TunnelIdentity } from '../../../src/core/tunnel.js';
import { watchDrift } from '../../../src/daemon/watch-drift.js';
import { silentLogger } from '../../../src/host/logging.js';
import { NO_ZONE } from '../../../src/setup/no-zone.js';

const TUNNEL: TunnelIdentity = { id: 't', name: 'n', accountId: 'a', zoneId: 'z', domain: 'example.com', madeByUs: true, joined: false };

test.each<[string, TunnelIdentity | undefined, string]>([
  ['its own tunnel', TUNNEL, 'drift of z'],
  ['a tunnel that it joined', { ...TUNNEL, joined: true, madeByUs: false }, 'owed but of t'],
  ['a tunnel without a certificate', { ...TUNNEL, zoneId: NO_ZONE }, 'owed but of t'],
  ['none any more', undefined, 'owed but of none'],
])('a machine with %s looks after what is its own', async (_name, tunnel, expected) => {
  const stop = new AbortController();
  const asked: string[] = [];
  await watchDrift({
    dns: {
      checkDrift: async (zoneId) => {
        asked.push(`drift of ${zoneId}`);
        return await Promise.resolve({ readable: true, drifted: [], owed: [], warnings: [] });
      },
      removeOwedElsewhere: async (tunnelId) => {
        asked.push(`owed but of ${tunnelId ?? 'none'}`);
        return await Promise.resolve([]);
      },
    },
    tunnel: () => tunnel,
    onChecked: async () => {
      asked.push('certificates');
      stop.abort();
      await Promise.resolve();
    },
    clock: systemClock, random: Math.random, logger: silentLogger,
  }, stop.signal);
  expect(asked).toEqual([expected, 'certificates']);
});
