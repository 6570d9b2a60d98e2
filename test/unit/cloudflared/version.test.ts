import { describe, expect, test } from 'vitest';
import { isAtLeast, knowsNoPrechecks, parseVersion } from '../../../src/cloudflared/version.js';

describe('versions', () => {
  test.each<[string, string | undefined]>([
    ['cloudflared version 2026.8.2 (built 2026-08-21T00:00UTC)\n', '2026.8.2'],
    ['cloudflared version 2026.8.2 (built 2026-08-21 00:00 UTC) with FIPS', '2026.8.2'],
    ['cloudflared version DEV (built unknown)', 'DEV'],
    ['some other program 1.2.3', undefined],
    ['', undefined],
  ])('%j', (text, version) => {
    expect(parseVersion(text)).toBe(version);
  });

  test.each<[string, string, boolean]>([
    ['2026.8.2', '2025.6.1', true], ['2025.6.1', '2025.6.1', true], ['2025.6.0', '2025.6.1', false], ['2024.12.9', '2025.6.1', false],
    ['2025.10.0', '2025.6.1', true], ['2025.6', '2025.6.1', false], ['2026', '2025.6.1', true], ['DEV', '2025.6.1', true],
  ])('%s is at least %s: %s', (version, minimum, expected) => {
    expect(isAtLeast(version, minimum)).toBe(expected);
  });

  test('--no-prechecks', () => {
    expect([knowsNoPrechecks('2026.4.9'), knowsNoPrechecks('2026.5.0')]).toEqual([false, true]);
  });
});
