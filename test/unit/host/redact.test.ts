import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/core/secret.js';
import { createRedactor, redact } from '../../../src/host/redact.js';

const TUNNEL_SECRET = Buffer.from('0123456789abcdefghijklmnopqrstuv').toString('base64');
const TUNNEL_TOKEN = Buffer.from(JSON.stringify({ a: 'account', t: 'tunnel', s: TUNNEL_SECRET })).toString('base64');

describe('what is hidden by its shape', () => {
  test.each([
    ['a tunnel token', `run --token ${TUNNEL_TOKEN} now`, 'run --token [redacted] now'],
    ['a tunnel secret', `"TunnelSecret":"${TUNNEL_SECRET}"`, '"TunnelSecret":"[redacted]"'],
    ['a bare secret in base64', `got ${TUNNEL_SECRET}, sorry`, 'got [redacted], sorry'],
    ['a JWT', 'x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U y', 'x [redacted] y'],
    ['an API token', 'token v1.0-AbCdEf0123456789AbCdEf0123456789AbCdEf01', 'token v1.[redacted]'],
    ['a header', 'authorization: Bearer abcdefgh12345678', 'authorization: Bearer [redacted]'],
    ['Proxmox', 'PVEAPIToken=root@pam!x=12345678-1234-1234-1234-123456789012', 'PVEAPIToken=[redacted]'],
    ['a password in a URL', 'proxy http://user:hunter2@proxy.example:3128/ fails', 'proxy http://[redacted]@proxy.example:3128/ fails'],
    ['an assignment', 'apiToken=abcdef123456 ok', 'apiToken=[redacted] ok'],
    ['a login URL', 'open https://dash.cloudflare.com/argotunnel?aud=&callback=https%3A%2F%2Flogin.cloudflareaccess.org%2FAbC%3D please', 'open [redacted login URL] please'],
    ['a login URL of elsewhere', 'open http://127.0.0.1:1/x?aud=&callback=http%3A%2F%2F127.0.0.1 please', 'open [redacted login URL] please'],
    ['a login callback', 'GET https://login.cloudflareaccess.org/AbC= : 500', 'GET https://login.cloudflareaccess.org/[redacted] : 500'],
    ['a certificate', 'a\n-----BEGIN ARGO TUNNEL TOKEN-----\neyJ6\nabc\n-----END ARGO TUNNEL TOKEN-----\nb', 'a\n[redacted]\nb'],
    ['a key that was cut off', 'a -----BEGIN PRIVATE KEY-----\nMIIE', 'a [redacted]'],
  ])('%s', (_name, text, expected) => {
    expect(redact(text)).toBe(expected);
  });

  test('every secret as tunnels have them, wherever it stands', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.constantFrom('secret %', '{"s":"%"}', '%', 'a=%&b', "'%'", '(%)'), (bytes, frame) => {
      const secret = Buffer.from(bytes).toString('base64');
      expect(redact(frame.replace('%', secret))).not.toContain(secret);
    }));
  });

  test('random API tokens', () => {
    for (let round = 0; round < 500; round += 1) {
      const token = randomBytes(30).toString('base64url');
      // One in a thousand has no digit, and looks like a word.
      if (/\d/.test(token) && /[A-Z]/.test(token) && /[a-z]/.test(token)) expect(redact(`x ${token} y`)).toBe('x [redacted] y');
    }
  });
});

describe('what stays readable', () => {
  test.each([
    'tunnel 0d1e7c4e-5c93-4d9c-9640-af75f60ab614 is ready',
    'sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'cannot write /home/Alice/.cloudflared/supervisor/revisions/12.json: EROFS',
    'cannot read /usr/local/lib/node_modules/cloudflared-supervisor/dist/host/atomic-file.js',
    'started on http://127.0.0.1:38377/metrics and http://[::1]:80/',
    'https://app.example.com/path?x=1',
    'the token is refused', 'no password: none', 'secret',
    'a-rather-long-hostname-with-many-labels-and-words.example.com',
    '2026-01-01T00:00:00.000Z',
  ])('%s', (text) => {
    expect(redact(text)).toBe(text);
  });
});

describe('a redactor', () => {
  test('hides what it learned, of any shape', () => {
    const redactor = createRedactor();
    redactor.learn(new Secret('correct horse battery'));
    redactor.learn(new Secret('short'));
    expect(redactor.redact('it is "correct horse battery", not short')).toBe('it is "[redacted]", not short');
  });

  test('reads what is in JSON and leaves JSON', () => {
    const redactor = createRedactor();
    redactor.learn(new Secret('line one\nline "two"'));
    const line = JSON.stringify({ a: { token: { deep: 1 }, n: 1, none: null }, list: ['line one\nline "two"!'], certificate: '-----BEGIN X-----\nabc', secret: null });
    expect(JSON.parse(redactor.redactJson(line))).toEqual({ a: { token: '[redacted]', n: 1, none: null }, list: ['[redacted]!'], certificate: '[redacted]', secret: null });
    expect(redactor.redactJson(`no json ${TUNNEL_SECRET}`)).toBe('no json [redacted]');
  });

  test('any JSON stays JSON of the same shape', () => {
    const redactor = createRedactor();
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.string()))), (value) => {
      const clean = JSON.parse(redactor.redactJson(JSON.stringify(value))) as object;
      expect(Object.keys(clean)).toEqual(Object.keys(JSON.parse(JSON.stringify(value)) as object));
    }));
  });
});
