import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { userInfo } from 'node:os';
import { expect, test } from 'vitest';
import { createBaseDirectory } from '../../../src/host/base-directory.js';
import { basePaths } from '../../../src/host/base-paths.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const self = { uid: userInfo().uid, name: userInfo().username };
const modeOf = (path: string): number => statSync(path).mode & 0o777;

test('is made with its parents and what it holds, all private, and again without harm', async () => {
  const home = tempDirectory();
  const paths = basePaths(join(home, '.cloudflared/supervisor'));
  await createBaseDirectory(paths, self);
  await createBaseDirectory(paths, self);
  expect(readdirSync(paths.baseDir).sort()).toEqual(['bin', 'journal', 'log', 'revisions', 'setup']);
  for (const directory of [join(home, '.cloudflared'), paths.baseDir, paths.journalDir, paths.binDir]) expect(modeOf(directory)).toBe(0o700);
});

test('one that others could enter is closed; the directory above it is left as it is', async () => {
  const home = tempDirectory();
  const paths = basePaths(join(home, 'above/base'));
  mkdirSync(paths.baseDir, { recursive: true });
  chmodSync(join(home, 'above'), 0o755);
  chmodSync(paths.baseDir, 0o777);
  await createBaseDirectory(paths, self);
  expect([modeOf(join(home, 'above')), modeOf(paths.baseDir)]).toEqual([0o755, 0o700]);
});

test("somebody else's is refused, also behind a link, and not touched", async () => {
  const directory = tempDirectory();
  mkdirSync(join(directory, 'theirs'), { mode: 0o755 });
  symlinkSync(join(directory, 'theirs'), join(directory, 'link'));
  for (const name of ['theirs', 'link']) {
    await expect(createBaseDirectory(basePaths(join(directory, name)), { uid: self.uid + 1, name: 'somebody' })).rejects.toMatchObject({ code: 'STORAGE_FORBIDDEN', hint: expect.stringContaining('chown') as string });
  }
  expect([readdirSync(join(directory, 'theirs')), modeOf(join(directory, 'theirs'))]).toEqual([[], 0o755]);
});

test('a file in its place is said', async () => {
  const directory = tempDirectory();
  writeFileSync(join(directory, 'file'), '');
  await expect(createBaseDirectory(basePaths(join(directory, 'file')), self)).rejects.toMatchObject({ code: 'STORAGE_FORBIDDEN', message: expect.stringContaining('not a directory') as string });
  await expect(createBaseDirectory(basePaths(join(directory, 'file/below')), self)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
});
