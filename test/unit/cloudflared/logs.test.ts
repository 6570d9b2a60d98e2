import { appendFileSync, existsSync, readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { nextLogNumber, pruneLogs, readLastLine, rotateLog } from '../../../src/cloudflared/log-files.js';
import { followLog } from '../../../src/cloudflared/log-follower.js';
import type { FollowOptions, Follower } from '../../../src/cloudflared/log-follower.js';
import { describeLogLine, parseLogLine } from '../../../src/cloudflared/log-line.js';
import { Secret } from '../../../src/core/secret.js';
import { createRedactor } from '../../../src/host/redact.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

function follow(path: string, options: Partial<FollowOptions> = {}): { readonly lines: string[]; readonly follower: Follower } {
  const lines: string[] = [];
  const follower = followLog({ path, from: 'start', onLine: (line) => lines.push(line), onLeftOut: (count) => lines.push(`left out ${count}`), ...options });
  onTestFinished(async () => {
    await follower.stop();
  });
  return { lines, follower };
}

describe('following a log', () => {
  test('lines come whole, whatever the pieces they are written in', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.string({ minLength: 1, unit: 'grapheme' }).map((text) => text.replaceAll(/\s/gu, 'x')), { minLength: 1, maxLength: 8 }), fc.array(fc.nat(), { maxLength: 6 }), async (texts, cuts) => {
      const path = join(tempDirectory(), 'log');
      const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(''));
      writeFileSync(path, '');
      const { lines, follower } = follow(path);
      const places = [...new Set([0, ...cuts.map((cut) => cut % bytes.length), bytes.length])].sort((a, b) => a - b);
      for (const [index, place] of places.entries()) {
        appendFileSync(path, bytes.subarray(place, places[index + 1] ?? bytes.length));
        await follower.catchUp();
      }
      expect(lines).toEqual(texts);
      await follower.stop();
    }), { numRuns: 20 });
  });

  test('from the end: only what is written from now on', async () => {
    const path = join(tempDirectory(), 'log');
    writeFileSync(path, 'old\n');
    const { lines, follower } = follow(path, { from: 'end' });
    await follower.catchUp();
    appendFileSync(path, 'new\n');
    await follower.catchUp();
    expect(lines).toEqual(['new']);
  });

  test('wakes by itself when something is written', async () => {
    const path = join(tempDirectory(), 'log');
    writeFileSync(path, '');
    const seen = new Promise<string>((resolve) => {
      follow(path, { onLine: resolve });
    });
    appendFileSync(path, 'hello\n');
    expect(await seen).toBe('hello');
  });

  test('a file that somebody empties is read from its beginning', async () => {
    const path = join(tempDirectory(), 'log');
    writeFileSync(path, 'a long first line\n');
    const { lines, follower } = follow(path);
    await follower.catchUp();
    truncateSync(path, 0);
    appendFileSync(path, 'short\n');
    await follower.catchUp();
    expect(lines).toEqual(['a long first line', 'short']);
  });

  test('is rotated when it is large: nothing that was written is lost, and its writer goes on', async () => {
    const directory = tempDirectory();
    const path = join(directory, 'connector-1.log');
    writeFileSync(path, '');
    const rotations: string[] = [];
    const { lines, follower } = follow(path, { maxBytes: 1_000, onRotated: () => rotations.push('rotated') });
    const written = Array.from({ length: 200 }, (_, index) => `line ${index}`);
    for (const line of written) {
      appendFileSync(path, `${line}\n`);
      if (line.endsWith('9')) await follower.catchUp();
    }
    await follower.catchUp();
    expect(lines).toEqual(written);
    expect(rotations.length).toBe(readdirSync(directory).length - 1);
    expect(statSync(path).size).toBeLessThan(1_100);
    const kept = readdirSync(directory).sort((a, b) => (statSync(join(directory, a)).mtimeMs - statSync(join(directory, b)).mtimeMs)).map((name) => readFileSync(join(directory, name), 'utf8')).join('');
    expect(kept.split('\n').filter((line) => line !== '').length).toBe(200);
  });

  test('a flood is counted, a line without end is cut, and neither is kept in memory', async () => {
    const path = join(tempDirectory(), 'log');
    writeFileSync(path, `${'x'.repeat(100_000)}\n${'line\n'.repeat(5_000)}`);
    const { lines, follower } = follow(path);
    await follower.catchUp();
    expect(lines[0]?.length).toBeLessThanOrEqual(16 * 1_024);
    expect(lines.length).toBeLessThan(1_200);
    expect(lines.filter((line) => line.startsWith('left out')).reduce((sum, line) => sum + Number.parseInt(line.slice(9), 10), 0) + lines.filter((line) => line === 'line').length).toBe(5_000);
  });

  test('a writer that nobody can keep up with costs lines, not the disk', async () => {
    const path = join(tempDirectory(), 'connector-1.log');
    writeFileSync(path, 'line\n'.repeat(3_000));
    const { lines, follower } = follow(path, { maxBytes: 5_000 });
    await follower.catchUp();
    expect(lines).toEqual(['left out 0 MB']);
    expect(statSync(path).size).toBe(0);
    appendFileSync(path, 'again\n');
    await follower.catchUp();
    expect(lines.at(-1)).toBe('again');
  });

  test('a file that is not there yet, or not any more, is no failure', async () => {
    const path = join(tempDirectory(), 'absent');
    const { lines, follower } = follow(path);
    await follower.catchUp();
    expect(lines).toEqual([]);
  });
});

describe('log files', () => {
  const touch = (path: string, seconds: number): void => {
    writeFileSync(path, 'x');
    utimesSync(path, seconds, seconds);
  };

  test('a number is never used again, rotated ones included', () => {
    const directory = tempDirectory();
    expect(nextLogNumber(directory)).toBe(1);
    touch(join(directory, 'connector-3.log'), 1);
    touch(join(directory, 'connector-7.log.2'), 1);
    touch(join(directory, 'daemon.log'), 1);
    expect(nextLogNumber(directory)).toBe(8);
  });

  test('five are kept, the next one included; none that is in use goes, and nobody else\'s', () => {
    const directory = tempDirectory();
    for (let number = 1; number <= 9; number += 1) touch(join(directory, `connector-${number}.log`), number);
    touch(join(directory, 'daemon.log'), 0);
    pruneLogs(directory, (path) => path.endsWith('connector-1.log'));
    expect(readdirSync(directory).sort()).toEqual(['connector-1.log', 'connector-6.log', 'connector-7.log', 'connector-8.log', 'connector-9.log', 'daemon.log']);
  });

  test('rotation copies and empties; the copy has a name of its own', () => {
    const directory = tempDirectory();
    const path = join(directory, 'connector-1.log');
    writeFileSync(path, 'first');
    rotateLog(path);
    writeFileSync(path, 'second', { flag: 'a' });
    rotateLog(path);
    expect([readFileSync(path, 'utf8'), readFileSync(`${path}.1`, 'utf8'), readFileSync(`${path}.2`, 'utf8')]).toEqual(['', 'first', 'second']);
  });

  test('the last line, without blank ones', async () => {
    const path = join(tempDirectory(), 'log');
    writeFileSync(path, `${'x\n'.repeat(20_000)}the last\n\n`);
    expect(await readLastLine(path)).toBe('the last');
    expect(await readLastLine(`${path}.absent`)).toBe('');
    expect(existsSync(`${path}.absent`)).toBe(false);
  });
});

describe('log lines', () => {
  const redactor = createRedactor();
  redactor.learn(new Secret('a-known-secret-of-ours'));

  test('JSON lines become level, message, time and fields, without secrets', () => {
    const line = parseLogLine('{"level":"error","message":"Failed with a-known-secret-of-ours","time":"2026-11-24T07:28:06Z","connIndex":2,"error":"token a-known-secret-of-ours","tunnelSecret":"abcdefgh"}', redactor);
    expect(line).toMatchObject({ level: 'error', time: '2026-11-24T07:28:06Z', fields: { connIndex: 2, tunnelSecret: '[redacted]' } });
    expect(JSON.stringify(line)).not.toContain('a-known-secret');
    expect(describeLogLine({ ...line, message: 'Serve tunnel error', fields: { error: 'refused' } })).toBe('Serve tunnel error: refused');
  });

  test('anything else is text', () => {
    expect(parseLogLine('http://a/b is an invalid address', redactor)).toEqual({ level: 'info', message: 'http://a/b is an invalid address', time: null, fields: {} });
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      const line = parseLogLine(text, redactor);
      expect(typeof line.level).toBe('string');
      expect(typeof line.message).toBe('string');
    }));
  });
});
