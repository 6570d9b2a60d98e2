import { describe, expect, test } from 'vitest';
import { firstDifference } from '../../../src/connector/rule-comparison.js';
import type { IngressRule } from '../../../src/forwarding/ports.js';

const last: IngressRule = { service: 'http_status:404' };
const compare = (expected: IngressRule, shown: IngressRule): string | undefined => firstDifference([expected, last], [shown, last]);

describe('the rules that a connector shows are the rules that it was given', () => {
  test.each<[string, IngressRule, IngressRule]>([
    ['as they are', { hostname: 'app.example.com', service: 'http://127.0.0.1:1' }, { hostname: 'app.example.com', service: 'http://127.0.0.1:1' }],
    ['scheme in capitals', { service: 'HTTP://Foo:80' }, { service: 'http://Foo:80' }],
    ['default ports of TCP services', { service: 'ssh://10.0.0.1' }, { service: 'ssh://10.0.0.1:22' }],
    ['ports that are given', { service: 'ssh://10.0.0.1:2222' }, { service: 'ssh://10.0.0.1:2222' }],
    ['unix sockets', { service: 'unix:/run/x.sock' }, { service: 'unix:/run/x.sock' }],
    ['durations become seconds', { service: 'http://a', originRequest: { connectTimeout: '1m30s', tlsTimeout: '1500ms' } }, { service: 'http://a', originRequest: { connectTimeout: 90, tlsTimeout: 1.5, noTLSVerify: false } }],
    ['defaults filled in', { service: 'http://a', originRequest: { noTLSVerify: true } }, { service: 'http://a', originRequest: { noTLSVerify: true, connectTimeout: 30 } }],
    ['access in its own shape', { service: 'http://a', originRequest: { access: { required: true } } }, { service: 'http://a', originRequest: { access: { teamName: '' } } }],
  ])('same: %s', (_, expected, shown) => {
    expect(compare(expected, shown)).toBeUndefined();
  });

  test.each<[string, IngressRule, IngressRule]>([
    ['hostname', { hostname: 'a.example.com', service: 'http://a' }, { hostname: 'b.example.com', service: 'http://a' }],
    ['path', { path: '^/a', service: 'http://a' }, { service: 'http://a' }],
    ['service', { service: 'http://a:1' }, { service: 'http://a:2' }],
    ['originRequest.connectTimeout', { service: 'http://a', originRequest: { connectTimeout: '5s' } }, { service: 'http://a', originRequest: { connectTimeout: 30 } }],
    ['originRequest.noTLSVerify', { service: 'http://a', originRequest: { noTLSVerify: true } }, { service: 'http://a', originRequest: { noTLSVerify: false } }],
  ])('different: %s', (field, expected, shown) => {
    expect(compare(expected, shown)).toContain(field);
  });

  test('a rule too many or too few', () => {
    expect(firstDifference([last], [last, last])).toContain('2 rules instead of 1');
  });
});
