import { expect, test } from 'vitest';
import { parseCounters } from '../../../src/cloudflared/metrics-text.js';

test('counters are summed over their labels; what is absent was never counted', () => {
  expect(parseCounters([
    '# HELP cloudflared_tunnel_tunnel_register_fail Count of tunnel registration errors by type',
    'cloudflared_tunnel_tunnel_register_fail{error="server_error",rpcName="registerConnection"} 3',
    'cloudflared_tunnel_tunnel_register_fail{error="other",rpcName="registerConnection"} 2',
    'cloudflared_tunnel_tunnel_register_failures_of_others 9',
    'cloudflared_tunnel_concurrent_requests_per_tunnel 1.2e+01',
    'cloudflared_tunnel_ha_connections 1',
  ].join('\n'))).toEqual({ registerFailures: 5, inFlight: 12 });
  expect(parseCounters('')).toEqual({ registerFailures: 0, inFlight: undefined });
  expect(parseCounters('cloudflared_tunnel_concurrent_requests_per_tunnel nonsense')).toEqual({ registerFailures: 0, inFlight: undefined });
});
