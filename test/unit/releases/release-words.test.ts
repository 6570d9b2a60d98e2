import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SupervisorError } from '../../../src/core/errors.js';
import { findChecksum, parseSha256 } from '../../../src/releases/checksums.js';
import { describeMachine, releasePlatform } from '../../../src/releases/platform.js';
import { describeProgress, sparsely, type ReleaseProgress } from '../../../src/releases/progress.js';
import { checkVersion } from '../../../src/releases/release.js';
import { show } from '../../../src/releases/release-http.js';
import { withRetries } from '../../../src/releases/retries.js';
import { isUpgrade } from '../../../src/releases/upgrade.js';
import { createTestClock } from '../cloudflare/test-clock.js';

const SUM = 'a1'.repeat(32);

describe('checksums', () => {
  test('as sha256sum writes them, GitHub, and people', () => {
    expect(parseSha256(` sha256:${SUM.toUpperCase()}\n`)).toBe(SUM);
    expect(parseSha256(SUM.slice(1))).toBeUndefined();
    const other = 'b2'.repeat(32);
    const list = `${other}  cloudflared-linux-arm64\n${SUM} *./cloudflared-linux-amd64\n`;
    expect(findChecksum(list, 'cloudflared-linux-amd64')).toBe(SUM);
    expect(findChecksum(list, 'cloudflared-linux-arm64')).toBe(other);
    expect(findChecksum(list, 'cloudflared-linux')).toBeUndefined();
    expect(findChecksum(`${SUM}\n`, 'whatever')).toBe(SUM);
    // A lone sum that names another file is not this one's.
    expect(findChecksum(`${SUM}  cloudflared-linux-arm64\n`, 'cloudflared-linux-amd64')).toBeUndefined();
  });

  test('of any text are hexadecimal or none', () => {
    fc.assert(fc.property(fc.string(), fc.string({ minLength: 1 }), (text, name) => {
      expect(findChecksum(text, name) ?? SUM).toMatch(/^[0-9a-f]{64}$/);
    }));
  });
});

describe('platforms', () => {
  test('have a file each', () => {
    expect(releasePlatform('linux', 'x64')).toEqual({ os: 'linux', arch: 'amd64', asset: 'cloudflared-linux-amd64', elfMachine: 62 });
    expect(releasePlatform('linux', 'arm64')).toMatchObject({ asset: 'cloudflared-linux-arm64', elfMachine: 183 });
    expect(describeMachine(183)).toBe('arm64');
    expect(describeMachine(4_711)).toBe('ELF machine 4711');
  });

  test.each([['darwin', 'arm64'], ['linux', 'mips'], ['win32', 'x64']])('%s on %s is not known', (os, cpu) => {
    expect(() => releasePlatform(os, cpu)).toThrow(expect.objectContaining({ code: 'PLATFORM_UNSUPPORTED' }));
  });
});

describe('versions', () => {
  test.each(['2026', 'v2026.8.2', '2026.8.2; rm', '../2026.8.2', ''])('%j is none', (text) => {
    expect(() => checkVersion(text)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
  });

  test('that are too old are refused before anything is asked', () => {
    expect(() => checkVersion('2024.1.0')).toThrow(expect.objectContaining({ code: 'BINARY_TOO_OLD' }));
    expect(() => checkVersion('2026.8.2')).not.toThrow();
  });

  test.each([
    ['2026.8.2', '2026.9.0', false, true],
    ['2026.9.0', '2026.8.2', false, false],
    ['2026.8.2', '2026.8.2', false, false],
    ['2026.8.2', '2026.8.2', true, false],
    ['2026.9.0', '2026.8.2', true, true],
    ['DEV', '2026.8.2', false, false],
    [undefined, '2026.8.2', false, true],
  ])('from %s to %s, asked for: %s, is an upgrade: %s', (current, offered, asked, is) => {
    expect(isUpgrade(current, offered, asked)).toBe(is);
  });
});

describe('retries', () => {
  const failing = (code: 'RELEASE_UNREACHABLE' | 'RELEASE_REFUSED', until: number) => {
    let attempts = 0;
    return { attempts: () => attempts, work: async () => {
      attempts += 1;
      if (attempts <= until) throw new SupervisorError(code, `attempt ${attempts}`);
      return 'done';
    } };
  };

  test('are for what a network lost, three times in all', async () => {
    const clock = createTestClock();
    const { signal } = new AbortController();
    const twice = failing('RELEASE_UNREACHABLE', 2);
    const outcome = withRetries(clock, signal, twice.work);
    for (const ms of [500, 1_500]) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(ms);
    }
    expect(await outcome).toBe('done');
    const refused = failing('RELEASE_REFUSED', 9);
    await expect(withRetries(clock, signal, refused.work)).rejects.toMatchObject({ code: 'RELEASE_REFUSED' });
    expect([twice.attempts(), refused.attempts()]).toEqual([3, 1]);
  });

  test('end with who waits for them', async () => {
    const stop = new AbortController();
    const outcome = withRetries(createTestClock(), stop.signal, failing('RELEASE_UNREACHABLE', 9).work);
    await new Promise((resolve) => setImmediate(resolve));
    stop.abort(new SupervisorError('INTERRUPTED', 'no more'));
    await expect(outcome).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});

describe('progress', () => {
  test('is told now and then, and at the end', () => {
    const clock = createTestClock();
    const told: ReleaseProgress[] = [];
    const report = sparsely(clock, 1_000, (progress) => told.push(progress));
    for (const receivedBytes of [1, 2, 3]) report({ version: '2026.8.2', receivedBytes, totalBytes: 9 });
    clock.advance(1_000);
    report({ version: '2026.8.2', receivedBytes: 4, totalBytes: 9 });
    report({ version: '2026.8.2', receivedBytes: 9, totalBytes: 9 });
    expect(told.map(({ receivedBytes }) => receivedBytes)).toEqual([1, 4, 9]);
  });

  test('in words', () => {
    expect(describeProgress({ version: '2026.8.2', receivedBytes: 12_300_000, totalBytes: 38_000_000 })).toBe('cloudflared 2026.8.2: 12 of 38 MB');
    expect(describeProgress({ version: undefined, receivedBytes: 12_300_000, totalBytes: undefined })).toBe('cloudflared: 12 MB');
  });

  test('names places without what may be secret in them', () => {
    expect(show(new URL('https://user:secret@mirror.example/a%20b?token=secret'))).toBe('https://mirror.example/a%20b');
    expect(show(new URL('file:///tmp/a%20b'))).toBe('/tmp/a b');
  });
});
