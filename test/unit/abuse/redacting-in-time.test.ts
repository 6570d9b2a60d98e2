import { describe, expect, test } from 'vitest';
import { createRedactor, redact } from '../../../src/host/redact.js';

/**
 * A visitor's address stands in cloudflared's log, so whoever may visit chooses what is redacted. At this length what
 * takes the square of the time takes a quarter of a minute, and what does not takes milliseconds.
 */
const CHARACTERS = 256 * 1024;
const ENOUGH_MS = 3_000;

const repeated = (part: string): string => part.repeat(Math.ceil(CHARACTERS / part.length)).slice(0, CHARACTERS);

const BEGINNINGS = [
  'http://', 'https://a', 'a.', 'a-', 'a+b', 'a://', '-----BEGIN A-----', 'token ', 'token=', 'token":"', 'eyJ', 'eyJaaaaaaaaaaaaaaaaaa.',
  'A', 'A=', 'a/', 'http://a?callback', 'http://a/argotunnel', 'Bearer ', 'PVEAPIToken=', 'https://login.cloudflareaccess.org/', '\\"', '\u0000',
];

describe('what is redacted takes no more time than it is long', () => {
  test.each(BEGINNINGS)('made of %j', (part) => {
    const text = repeated(part);
    const begin = performance.now();
    redact(text);
    createRedactor().redactJson(JSON.stringify({ dest: text }));
    expect(performance.now() - begin).toBeLessThan(ENOUGH_MS);
  });
});

test('a login URL is found behind a long beginning, and inside another URL', () => {
  const url = 'https://dash.cloudflare.com/argotunnel?aud=&callback=https%3A%2F%2Flogin.cloudflareaccess.org%2Fkey%3D';
  for (const text of [`${'http://'.repeat(2_000)}${url}`, `x${url}"`, `https://a.example/?next=${url} y`, url.toUpperCase()]) {
    expect(redact(text)).not.toMatch(/callback|login\.cloudflareaccess/i);
  }
  expect(redact('https://app.example.com/callback?x=1 http://a/argotunnel')).toBe('https://app.example.com/callback?x=1 http://a/argotunnel');
});
