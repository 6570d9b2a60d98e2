import { expect, test } from 'vitest';
import type { Status } from '../../../src/core/status.js';
import { renderMetrics } from '../../../src/daemon/metrics.js';

const status: Status = {
  daemon: { pid: 1, version: '1.0"\\\n', startedAt: '', user: 'u', baseDir: '/b', stateDir: '/s', socket: '/b/c', cloudflared: null, revision: 7 },
  tunnel: null,
  connectors: [
    { id: 1, pid: 2, state: 'draining', revision: 6, metricsUrl: null, startedAt: null, connections: 1 },
    { id: 2, pid: 3, state: 'ready', revision: 7, metricsUrl: null, startedAt: null, connections: 4 },
  ],
  rules: [{ hostname: 'a', path: null, destination: 'd', status: 'unresolved', resolvedIp: null, dns: 'none' }],
  setup: { state: 'none', step: null, loginUrl: null, expiresAt: null, message: null },
  attention: [],
};

test('is Prometheus text: each line a comment or one sample', () => {
  const text = renderMetrics(status, { newestSeq: 5, residentBytes: 1e6, startedAtMs: 2000 });
  const lines = text.trimEnd().split('\n');
  expect(lines.filter((line) => !/^(# (HELP|TYPE) \w+ .+|cloudflared_supervisor_\w+(\{(\w+="([^"\\\n]|\\["\\n])*",?)*\})? -?\d+(\.\d+)?(e[+-]?\d+)?)$/.test(line))).toEqual([]);
  expect(lines).toContain('cloudflared_supervisor_connectors{state="ready"} 1');
  expect(lines).toContain('cloudflared_supervisor_connectors{state="failed"} 0');
  expect(lines).toContain('cloudflared_supervisor_connections 5');
  expect(lines).toContain('cloudflared_supervisor_rules{status="unresolved"} 1');
  expect(lines).toContain('cloudflared_supervisor_revision 7');
});
