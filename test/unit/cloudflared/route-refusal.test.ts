import { expect, test } from 'vitest';
import { readRefusal } from '../../../src/cloudflared/route-refusal.js';

const codeOf = (said: string): string => readRefusal('app.example.com', said).code;

test.each<[code: string, said: string]>([
  ['DNS_CONFLICT', '2026-01-01T00:00:00Z ERR Failed to add route: code: 1003, reason: Failed to create record app.example.com with err An A, AAAA, or CNAME record with that host already exists.'],
  ['DNS_FORBIDDEN', 'Failed to add route: code: 10000, reason: Authentication error'],
  ['DNS_FORBIDDEN', 'unauthorized'],
  ['CLOUDFLARE_THROTTLED', 'API call to add route failed with status 429: Too Many Requests'],
  ['CLOUDFLARE_THROTTLED', 'Failed to add route: code: 971, reason: Please wait and consider throttling your request speed'],
  ['CLOUDFLARE_THROTTLED', 'Failed to add route: code: 10429, reason: slow down'],
  ['CLOUDFLARE_THROTTLED', 'Failed to add route: code: 1, reason: More than 1200 requests per 300 seconds reached: rate limited'],
  ['CLOUDFLARE_UNREACHABLE', 'API call to add route failed with status 502: Bad Gateway'],
  ['CLOUDFLARE_UNREACHABLE', 'API call to add route failed with status 524: '],
  ['CLOUDFLARE_UNREACHABLE', 'Failed to add route: code: 1000, reason: An internal error has occurred. Please try again later.'],
  ['CLOUDFLARE_UNREACHABLE', 'Failed to add route: code: 1101, reason: Internal Server Error'],
  ['CLOUDFLARE_UNREACHABLE', 'REST request failed: Put "https://api.example.net/client/v4/zones/z/tunnels/t/routes": dial tcp 127.0.0.1:1: connect: connection refused'],
  ['CLOUDFLARE_UNREACHABLE', 'REST request failed: Put "https://api.example.net/x": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'],
  ['CLOUDFLARE_UNREACHABLE', 'REST request failed: Put "https://api.example.net/x": EOF'],
  ['CLOUDFLARE_UNREACHABLE', 'REST request failed: Put "https://api.example.net/x": read tcp 10.0.0.1:1->10.0.0.2:443: read: connection reset by peer'],
  ['CLOUDFLARE_UNREACHABLE', 'failed to decode response: unexpected EOF'],
  ['CLOUDFLARE_UNEXPECTED', "failed to decode response: invalid character '<' looking for beginning of value"],
  // Asking again does not cure these, or nobody knows.
  ['DNS_FAILED', 'REST request failed: Put "https://api.example.net/x": tls: failed to verify certificate: x509: certificate signed by unknown authority'],
  ['DNS_FAILED', 'Failed to add route: code: 1234, reason: The name timeout-500.example.com is reserved.'],
  ['DNS_FAILED', 'API call to add route failed with status 418: I am a teapot'],
  ['DNS_FAILED', 'something else'],
])('%s: %s', (code, said) => {
  expect(codeOf(said)).toBe(code);
});
