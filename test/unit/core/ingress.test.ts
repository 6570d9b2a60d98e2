import { describe, expect, test } from 'vitest';
import { firstDifference, type IngressRule } from '../../../src/core/ingress.js';

/** How cloudflared 2026.8.2 shows a rule that sets nothing. */
const SHOWN_DEFAULTS = {
  connectTimeout: 30, tlsTimeout: 10, tcpKeepAlive: 30, noHappyEyeballs: false, keepAliveTimeout: 90, keepAliveConnections: 100, httpHostHeader: '', originServerName: '',
  matchSNItoHost: false, caPool: '', noTLSVerify: false, disableChunkedEncoding: false, bastionMode: false, proxyAddress: '127.0.0.1', proxyPort: 0, proxyType: '', ipRules: null,
  http2Origin: false, access: { teamName: '', audTag: null },
};
const shown = (fields: object, options: object = {}) => ({ hostname: '', path: null, Handlers: null, ...fields, originRequest: { ...SHOWN_DEFAULTS, ...options } });
const CATCH_ALL: IngressRule = { service: 'http_status:404' };
const SHOWN_CATCH_ALL = shown({ service: 'http_status:404' });

describe('the same', () => {
  test.each<[string, IngressRule, object]>([
    ['a plain rule', { hostname: 'a.example.com', service: 'http://localhost:1' }, shown({ hostname: 'a.example.com', service: 'http://localhost:1' })],
    ['a path', { hostname: 'a.example.com', path: '^/x(/|$)', service: 'http://h' }, shown({ hostname: 'a.example.com', path: '^/x(/|$)', service: 'http://h' })],
    ['a default port', { hostname: 'a.example.com', service: 'ssh://[::1]' }, shown({ hostname: 'a.example.com', service: 'ssh://[::1]:22' })],
    ['a given port', { hostname: 'a.example.com', service: 'rdp://h:1' }, shown({ hostname: 'a.example.com', service: 'rdp://h:1' })],
    ['bastion mode', { hostname: 'a.example.com', service: 'ssh://h', originRequest: { bastionMode: true } }, shown({ hostname: 'a.example.com', service: 'bastion' }, { bastionMode: true })],
    ['durations', { hostname: 'a.example.com', service: 'http://h', originRequest: { connectTimeout: '1m30s', tlsTimeout: '1500ms', tcpKeepAlive: '100us' } }, shown({ hostname: 'a.example.com', service: 'http://h' }, { connectTimeout: 90, tlsTimeout: 1.5, tcpKeepAlive: 0.0001 })],
    ['defaults spelled out', { hostname: 'a.example.com', service: 'http://h', originRequest: { noTLSVerify: false, connectTimeout: '30s', proxyAddress: '127.0.0.1' } }, shown({ hostname: 'a.example.com', service: 'http://h' })],
    ['access', { hostname: 'a.example.com', service: 'http://h', originRequest: { access: { required: true, teamName: 't', audTag: ['a'] } } }, shown({ hostname: 'a.example.com', service: 'http://h' }, { access: { required: true, teamName: 't', audTag: ['a'] } })],
    ['IP rules, which it hides', { hostname: 'a.example.com', service: 'http://h', originRequest: { ipRules: [{ prefix: '10.0.0.0/8' }] } }, shown({ hostname: 'a.example.com', service: 'http://h' }, { ipRules: [{}] })],
    ['keys that an older one does not show', { hostname: 'a.example.com', service: 'http://h' }, { hostname: 'a.example.com', path: null, service: 'http://h', originRequest: {} }],
    ['keys that a newer one shows', { hostname: 'a.example.com', service: 'http://h' }, shown({ hostname: 'a.example.com', service: 'http://h', extra: 1 }, { newOption: true })],
  ])('%s', (_, expected, seen) => {
    expect(firstDifference([expected, CATCH_ALL], [seen, SHOWN_CATCH_ALL])).toBeUndefined();
  });
});

describe('not the same', () => {
  const expected: IngressRule = { hostname: 'a.example.com', service: 'http://h', originRequest: { connectTimeout: '5s' } };
  const seen = shown({ hostname: 'a.example.com', service: 'http://h' }, { connectTimeout: 5 });
  test.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /no ingress rules/],
    ['one fewer', [SHOWN_CATCH_ALL], /1 ingress rules instead of 2/],
    ['another name', [{ ...seen, hostname: 'b.example.com' }, SHOWN_CATCH_ALL], /hostname in ingress rule 0/],
    ['another path', [{ ...seen, path: '^/x' }, SHOWN_CATCH_ALL], /path/],
    ['another service', [{ ...seen, service: 'http://i' }, SHOWN_CATCH_ALL], /service/],
    ['another duration', [{ ...seen, originRequest: { ...SHOWN_DEFAULTS, connectTimeout: 30 } }, SHOWN_CATCH_ALL], /connectTimeout/],
    ['an option that was not asked for', [{ ...seen, originRequest: { ...SHOWN_DEFAULTS, connectTimeout: 5, noTLSVerify: true } }, SHOWN_CATCH_ALL], /noTLSVerify/],
    ['access that was not asked for', [{ ...seen, originRequest: { ...SHOWN_DEFAULTS, connectTimeout: 5, access: { required: true, teamName: 't', audTag: null } } }, SHOWN_CATCH_ALL], /access/],
    ['IP rules that were not asked for', [{ ...seen, originRequest: { ...SHOWN_DEFAULTS, connectTimeout: 5, ipRules: [{}] } }, SHOWN_CATCH_ALL], /ipRules/],
    ['no options at all', [{ ...seen, originRequest: null }, SHOWN_CATCH_ALL], /originRequest/],
    ['another order', [SHOWN_CATCH_ALL, seen], /rule 0/],
    ['nonsense', ['x', 7], /rule 0/],
  ])('%s', (_, other, difference) => {
    expect(firstDifference([expected, CATCH_ALL], other)).toMatch(difference);
    expect(firstDifference([expected, CATCH_ALL], [seen, SHOWN_CATCH_ALL])).toBeUndefined();
  });
});
