import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { candidatePaths, createBinaryFinder, findBinary, inspectBinary } from '../../../src/cloudflared/find.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const env = { PATH: process.env['PATH'] ?? '' };

/** A program that says it is a cloudflared. */
function writeProgram(directory: string, script: string, name = 'cloudflared'): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}
const saying = (version: string): string => `[ "$1" = --version ] && echo "cloudflared version ${version} (built 2026-08-21T00:00UTC)"`;

describe('finding cloudflared', () => {
  const search = (directory: string, given?: string): Parameters<typeof findBinary>[0] => ({ given, own: join(directory, 'own', 'cloudflared'), path: [join(directory, 'a'), 'relative', join(directory, 'b')].join(delimiter), env });

  test('looks at ours, then along PATH; relative directories of PATH are nobody\'s', () => {
    expect(candidatePaths(search('/d'))).toEqual(['/d/own/cloudflared', '/d/a/cloudflared', '/d/b/cloudflared']);
    expect(candidatePaths(search('/d', '/given'))).toEqual(['/given']);
    expect(candidatePaths({ ...search('/d'), path: undefined }).length).toBeGreaterThan(3);
  });

  test('the first that runs and is new enough', async () => {
    const directory = tempDirectory();
    writeProgram(join(directory, 'a'), saying('2024.1.0'));
    const good = writeProgram(join(directory, 'b'), saying('2026.8.2'));
    expect(await findBinary(search(directory))).toEqual({ path: good, version: '2026.8.2' });
    const own = writeProgram(join(directory, 'own'), saying('2026.9.0'));
    expect(await findBinary(search(directory))).toEqual({ path: own, version: '2026.9.0' });
  });

  test('a given one is used or nothing is', async () => {
    const directory = tempDirectory();
    writeProgram(join(directory, 'b'), saying('2026.8.2'));
    await expect(findBinary(search(directory, join(directory, 'nowhere')))).rejects.toMatchObject({ code: 'BINARY_MISSING' });
  });

  test('each failure has its own code and says what is wrong with which file', async () => {
    const directory = tempDirectory();
    const cases: readonly (readonly [string, string, string])[] = [
      [writeProgram(directory, saying('2024.1.0'), 'old'), 'BINARY_TOO_OLD', '2024.1.0'],
      [writeProgram(directory, 'echo something else', 'other'), 'BINARY_UNUSABLE', 'something else'],
      [writeProgram(directory, 'echo broken >&2; exit 3', 'broken'), 'BINARY_UNUSABLE', 'exited with 3'],
      [writeProgram(directory, 'kill -SEGV $$', 'crashing'), 'BINARY_UNUSABLE', 'SIGSEGV'],
      [directory, 'BINARY_UNUSABLE', 'not a file'],
      [join(directory, 'absent'), 'BINARY_MISSING', 'absent'],
    ];
    for (const [path, code, message] of cases) expect(await inspectBinary(path, env)).toMatchObject({ code, message: expect.stringContaining(message) as unknown });
    const html = join(directory, 'html');
    writeFileSync(html, '<!DOCTYPE html><title>404</title>', { mode: 0o755 });
    expect(await inspectBinary(html, env)).toMatchObject({ code: 'BINARY_UNUSABLE' });
    const unexecutable = writeProgram(directory, saying('2026.8.2'), 'unexecutable');
    chmodSync(unexecutable, 0o644);
    expect(await inspectBinary(unexecutable, env)).toMatchObject({ code: 'BINARY_UNUSABLE' });
  });

  test('nothing at all', async () => {
    await expect(findBinary(search(tempDirectory()))).rejects.toMatchObject({ code: 'BINARY_MISSING' });
  });

  test('is found once, and again when the file is another', async () => {
    const directory = tempDirectory();
    const counter = join(directory, 'count');
    const counting = (version: string): string => `echo >> ${counter}; ${saying(version)}`;
    writeProgram(join(directory, 'a'), counting('2026.8.2'));
    const finder = createBinaryFinder(search(directory));
    const first = await finder.find();
    expect(await finder.find()).toBe(first);
    writeProgram(join(directory, 'a'), counting('2026.9.10'));
    expect((await finder.find()).version).toBe('2026.9.10');
  });
});
