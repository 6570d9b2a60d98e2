import { chownSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { keepOwnXdg } from '../../../src/host/own-xdg.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const uid = process.geteuid?.() ?? 0;
const kept = (directory: string): boolean => 'XDG_CONFIG_HOME' in keepOwnXdg({ XDG_CONFIG_HOME: directory, PATH: '/bin' }, uid);

test('the directory of the user is kept, also where it is still to be made', () => {
  const directory = tempDirectory();
  expect([kept(directory), kept(join(directory, 'not/yet'))]).toEqual([true, true]);
});

test.runIf(uid === 0)("as root, another user's is not ours, though we could write there (needs root)", () => {
  const directory = tempDirectory();
  chownSync(directory, 4_242, 4_242);
  expect([kept(directory), kept(join(directory, 'not/yet'))]).toEqual([false, false]);
});

test.runIf(uid !== 0)("as anybody else, root's is not ours (needs another user than root)", () => {
  expect([kept('/root/.config'), kept('/etc')]).toEqual([false, false]);
});

test('without one, or with one that is not absolute, nothing changes', () => {
  for (const env of [{}, { XDG_CONFIG_HOME: 'relative' }, { XDG_CONFIG_HOME: '' }]) expect(keepOwnXdg(env, uid)).toBe(env);
});
