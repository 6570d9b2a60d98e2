import { describe, expect, test } from 'vitest';
import { proxyChooser } from '../../../src/host/proxy.js';

const PROXIES = { HTTP_PROXY: 'http://plain:3128', https_proxy: 'http://secure:3128' };
const choose = (url: string, env: Record<string, string> = {}): string | undefined => proxyChooser({ ...PROXIES, ...env })(new URL(url))?.host;

describe('which proxy', () => {
  test('by the scheme, in either case of the variable', () => {
    expect(choose('http://example.com/')).toBe('plain:3128');
    expect(choose('https://example.com/')).toBe('secure:3128');
  });

  test('https has none where only http does, as in Go', () => {
    expect(proxyChooser({ HTTP_PROXY: 'http://p:1' })(new URL('https://example.com'))).toBeUndefined();
  });

  test.each(['http://localhost:80', 'https://a.localhost', 'https://127.0.0.1:8443', 'http://127.8.9.10', 'http://[::1]:80', 'https://LOCALHOST.'])('never for %s', (url) => {
    expect(choose(url)).toBeUndefined();
  });

  test.each([
    ['*', 'https://example.com', false],
    ['example.com', 'https://example.com', false],
    ['example.com', 'https://api.example.com', false],
    ['example.com', 'https://notexample.com', true],
    ['.example.com', 'https://example.com', true],
    ['.example.com', 'https://api.example.com', false],
    ['*.example.com', 'https://api.example.com', false],
    ['EXAMPLE.com', 'https://example.COM', false],
    ['example.com:443', 'https://example.com', false],
    ['example.com:8443', 'https://example.com', true],
    ['example.com:8443', 'https://example.com:8443', false],
    ['10.0.0.0/8', 'https://10.1.2.3', false],
    ['10.0.0.0/8', 'https://11.1.2.3', true],
    ['10.0.0.0/99', 'https://10.1.2.3', true],
    ['192.0.2.1', 'http://192.0.2.1:80', false],
    ['0.2.1', 'http://192.0.2.1', true],
    ['2001:db8::/32', 'https://[2001:db8::1]', false],
    ['2001:db8::1', 'https://[2001:db8::1]', false],
    ['[2001:db8::1]:443', 'https://[2001:db8::1]', false],
    [' a.example , example.com ,', 'https://example.com', false],
    ['', 'https://example.com', true],
  ])('with NO_PROXY=%j, %s', (noProxy, url, proxied) => {
    expect(choose(url, { NO_PROXY: noProxy }) !== undefined).toBe(proxied);
  });

  test('a proxy may be named without a scheme', () => {
    expect(proxyChooser({ https_proxy: 'proxy.example:3128' })(new URL('https://example.com'))?.href).toBe('http://proxy.example:3128/');
  });

  test.each(['http://', 'ftp://p:1', '::::', 'http://user:topsecret@'])('%j is refused, without showing it', (value) => {
    expect(() => proxyChooser({ HTTPS_PROXY: value })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID', message: expect.not.stringContaining('topsecret') as string }));
  });
});
