import { beforeEach, describe, expect, test } from 'vitest';

import { createAuthorize, type EdgeFaultRule } from '../../../src/sandbox/edge-faults.js';
import type { RegistrationRequest } from '../../../src/sandbox/edge/ports.js';
import { FaultScript } from '../../../src/sandbox/fault-script.js';
import { Tunnels } from '../../../src/sandbox/world/tunnels.js';

let faults: FaultScript<EdgeFaultRule>;
let authorize: ReturnType<typeof createAuthorize>;
let request: RegistrationRequest;

beforeEach(() => {
  const tunnels = new Tunnels(() => 0);
  const tunnel = tunnels.create('account', 'home');
  faults = new FaultScript<EdgeFaultRule>('edge');
  authorize = createAuthorize(tunnels, faults);
  request = {
    tunnelId: tunnel.id, accountTag: 'account', tunnelSecret: tunnel.secret, connIndex: 0, originIp: '', numPreviousAttempts: 0,
    connector: { connectorId: '6ba7b810-9dad-11d1-80b4-00c04fd430c8', version: '1', arch: 'linux_amd64', features: [] },
  };
});

describe('who may register', () => {
  test('whoever has the secret, and nobody else', async () => {
    expect(await authorize(request)).toEqual({ kind: 'accept' });
    expect(await authorize({ ...request, tunnelSecret: new Uint8Array(32) })).toEqual({ kind: 'reject', cause: 'Unauthorized: Invalid tunnel secret' });
    expect(await authorize({ ...request, tunnelId: 'none' })).toEqual({ kind: 'reject', cause: 'Unauthorized: Tunnel not found' });
  });

  test('a scripted rejection comes first, for the tunnel and connection that it names', async () => {
    faults.add({ fault: { kind: 'reject', cause: 'busy', retryAfterMs: 5 }, connIndex: 1, times: 1 });
    faults.add({ fault: { kind: 'reject', cause: 'other' }, tunnelId: 'other' });
    expect(await authorize(request)).toEqual({ kind: 'accept' });
    expect(await authorize({ ...request, connIndex: 1 })).toEqual({ kind: 'reject', cause: 'busy', retryAfterMs: 5 });
    expect(await authorize({ ...request, connIndex: 1 })).toEqual({ kind: 'accept' });
  });

  test('slow comes later, silence never', async () => {
    faults.add({ fault: { kind: 'silence' }, times: 1 });
    faults.add({ fault: { kind: 'slow', delayMs: 50 }, times: 1 });
    const order: string[] = [];
    const silent = authorize(request).then(() => order.push('silent'));
    const slow = authorize(request).then(() => order.push('slow'));
    const prompt = authorize(request).then(() => order.push('prompt'));
    await Promise.race([silent, Promise.all([slow, prompt])]);
    expect(order).toEqual(['prompt', 'slow']);
  });
});
