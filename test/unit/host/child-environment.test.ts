import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { childEnvironment, readEitherCase, SYSTEM_PATH } from '../../../src/host/child-environment.js';

const ALLOWED = new Set(['PATH', 'HOME', 'LANG', 'TZ', ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'SSL_CERT_FILE', 'SSL_CERT_DIR'].flatMap((name) => [name, name.toLowerCase()])]);

describe('childEnvironment', () => {
  test('hands on what is allowed, and nothing else', () => {
    const env = {
      PATH: '/bin', HOME: '/wrong', LANG: 'de_DE.UTF-8', TZ: 'Europe/Berlin', http_proxy: 'http://p:1', HTTPS_PROXY: 'http://p:2', no_proxy: 'a', SSL_CERT_DIR: '/c',
      TUNNEL_TOKEN: 'x', TUNNEL_CRED_FILE: 'x', NO_AUTOUPDATE: '1', PORTACODE_KEY: 'secret', LD_PRELOAD: '/evil.so', NODE_OPTIONS: '--inspect', XDG_CONFIG_HOME: '/x', LC_ALL: 'C',
    };
    expect(childEnvironment({ env, home: '/home/alice' })).toEqual({
      PATH: '/bin', HOME: '/home/alice', LANG: 'de_DE.UTF-8', TZ: 'Europe/Berlin', http_proxy: 'http://p:1', HTTPS_PROXY: 'http://p:2', no_proxy: 'a', SSL_CERT_DIR: '/c',
    });
  });

  test('certificates named in lower case reach Go, which reads upper case', () => {
    expect(childEnvironment({ env: { ssl_cert_file: '/ca.pem' }, home: '/h' })).toMatchObject({ ssl_cert_file: '/ca.pem', SSL_CERT_FILE: '/ca.pem' });
  });

  test('there is always a PATH; our own bundle goes over the rest', () => {
    expect(childEnvironment({ env: { PATH: '' }, home: '/h', extra: { SSL_CERT_FILE: '/base/ca-bundle.pem' } })).toEqual({ PATH: SYSTEM_PATH, HOME: '/h', SSL_CERT_FILE: '/base/ca-bundle.pem' });
  });

  test('whatever the environment holds', () => {
    fc.assert(fc.property(fc.dictionary(fc.oneof(fc.string(), fc.constantFrom(...ALLOWED, 'TUNNEL_TOKEN')), fc.string()), (env) => {
      const child = childEnvironment({ env, home: '/h' });
      expect(Object.keys(child).filter((name) => !ALLOWED.has(name))).toEqual([]);
      expect(child['HOME']).toBe('/h');
    }));
  });
});

test('readEitherCase prefers lower case, and an empty one is none', () => {
  expect(readEitherCase({ https_proxy: 'a', HTTPS_PROXY: 'b' }, 'HTTPS_PROXY')).toBe('a');
  expect(readEitherCase({ https_proxy: '', HTTPS_PROXY: 'b' }, 'HTTPS_PROXY')).toBe('b');
  expect(readEitherCase({ https_proxy: '', HTTPS_PROXY: '' }, 'HTTPS_PROXY')).toBeUndefined();
});
