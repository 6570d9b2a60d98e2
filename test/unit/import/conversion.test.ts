import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { commonDomain } from '../../../src/import/decide/domain.js';
import { keepVerifying, mergeOptions, readOldOptions } from '../../../src/import/decide/origin-options.js';
import { prefixOfPattern } from '../../../src/import/decide/path-pattern.js';
import { toDestination } from '../../../src/import/decide/service.js';
import { pathPattern } from '../../../src/forwarding/path.js';

describe('a path', () => {
  test.each(['', '/', '^/', '.*', '^/.*$'])('%j is every path', (pattern) => {
    expect(prefixOfPattern(pattern)).toEqual({ path: undefined });
  });

  test.each([['^/api(/|$)', '/api'], ['^/api(/.*)?$', '/api'], ['^/api(?:/|$)', '/api'], [String.raw`^/a\.b($|/)`, '/a.b'], ['^/a b(/|$)', '/a%20b']])('%j is a prefix', (pattern, path) => {
    expect(prefixOfPattern(pattern)).toEqual({ path });
  });

  test.each(['/api', '^/api', '^/api/', '^/api/.*', '/api/*', String.raw`\.(jpg|png)$`, '^/a|/b', '^/api(/|$)x', '(', '^/[ab](/|$)', '^/api$'])('%j is none that we have', (pattern) => {
    expect(prefixOfPattern(pattern)).toBeUndefined();
  });

  test('means the same as the pattern that is rendered for it', () => {
    const piece = fc.constantFrom('/', 'a', 'b', '.', '(', ')', '|', '$', '^', '*', '?', ':', '\\', '[', ']', '(/|$)', '(/.*)?$', '.*');
    const pattern = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
    const path = fc.array(fc.constantFrom('/', 'a', 'b', '.', '/a', '/b/'), { maxLength: 6 }).map((pieces) => `/${pieces.join('')}`);
    fc.assert(fc.property(pattern, path, (given, asked) => {
      const found = prefixOfPattern(given);
      if (found === undefined) return;
      const ours = found.path === undefined || new RegExp(pathPattern(found.path)).test(asked);
      expect(ours).toBe(new RegExp(given).test(asked));
    }), { numRuns: 5_000 });
  });
});

describe('a service', () => {
  test.each([
    ['http://localhost:8080', 'http://localhost:8080'],
    ['https://10.0.0.1', 'https://10.0.0.1'],
    ['ssh://localhost', 'ssh://localhost'],
    ['tcp://db', 'tcp://db:7864'],
    ['mysql://localhost:3306', 'tcp://localhost:3306'],
    ['postgres://[::1]', 'tcp://[::1]:7864'],
    ['unix:/run/app.sock', 'unix:/run/app.sock'],
    ['unix+tls:/run/app.sock', 'unix+tls:/run/app.sock'],
    ['http_status:503', 'http_status:503'],
    ['hello-world', 'hello_world'],
    ['hello_world', 'hello_world'],
  ])('%s', (service, destination) => {
    expect(toDestination(service)).toEqual({ ok: true, value: destination });
  });

  test.each(['socks-proxy', 'bastion', 'http://user@host', 'http://host?x', 'http://host:99999', 'constructor', ''])('%j is none of ours', (service) => {
    expect(toDestination(service).ok).toBe(false);
  });
});

describe('origin options', () => {
  test('of a rule stand over those of the file, but for Access', () => {
    expect(mergeOptions({ connectTimeout: '10s', noTLSVerify: true, access: { required: true } }, { noTLSVerify: false, httpHostHeader: 'h' })).toEqual({ options: { connectTimeout: '10s', noTLSVerify: false, httpHostHeader: 'h' }, unknown: [] });
    expect(mergeOptions({}, { access: { required: true, teamName: 't' } }).options).toEqual({ access: { required: true, teamName: 't' } });
  });

  test('are what YAML of cloudflared takes them for', () => {
    expect(mergeOptions({ noTLSVerify: 'yes', http2Origin: 'Off' }, { caPool: null, originServerName: 1, madeUp: 1 })).toEqual({ options: { noTLSVerify: true, http2Origin: false, originServerName: '1' }, unknown: ['madeUp'] });
  });

  test('of a single service have other names', () => {
    expect(readOldOptions(new Map([['no-tls-verify', 'true'], ['proxy-connect-timeout', '5s'], ['proxy-keepalive-connections', '7'], ['loglevel', 'debug']]))).toEqual({ noTLSVerify: 'true', connectTimeout: '5s', keepAliveConnections: 7 });
  });

  test('go on verifying an origin that would not be verified here', () => {
    expect(keepVerifying('https://localhost:8443', {})).toEqual({ noTLSVerify: false });
    expect(keepVerifying('https://localhost:8443', { noTLSVerify: true })).toEqual({ noTLSVerify: true });
    expect(keepVerifying('https://localhost:8443', { caPool: '/ca.pem' })).toEqual({ caPool: '/ca.pem' });
    expect(keepVerifying('https://app.internal', {})).toEqual({});
    expect(keepVerifying('http://localhost', {})).toEqual({});
  });
});

describe('the domain of names', () => {
  test.each([
    [['app.example.com'], 'example.com'],
    [['app.example.com', 'www.example.com'], 'example.com'],
    [['a.dev.example.com', 'b.dev.example.com'], 'dev.example.com'],
    [['example.com', 'www.example.com'], 'example.com'],
    [['*.example.com'], 'example.com'],
    [['example.com'], 'example.com'],
    [['a.example.com', 'a.example.net'], undefined],
    [[], undefined],
  ])('%j is %s', (names, domain) => {
    expect(commonDomain(names)).toBe(domain);
  });
});
