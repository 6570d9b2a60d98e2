import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runAsUser } from '../../../src/host/as-user.js';
import { resolveIdentity } from '../../../src/host/identity.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const WORK = join(import.meta.dirname, '../../fixtures/host/file-work.mjs');
const isRoot = process.geteuid?.() === 0;
const self = resolveIdentity({ env: {} });

test('as the user themselves the work is done here', async () => {
  expect(await runAsUser(self, WORK, {}, { timeoutMs: 10_000 })).toMatchObject({ uid: userInfo().uid, cwd: process.cwd() });
});

describe.skipIf(!isRoot)('as root for somebody else (needs root)', () => {
  const nobody = isRoot ? resolveIdentity({ user: 'nobody', env: {} }) : self;

  test('it is done by a child that is the user: groups, gid, uid; what it leaves is theirs', async () => {
    const directory = tempDirectory();
    mkdirSync(join(directory, 'theirs'));
    for (const path of [directory, join(directory, 'theirs')]) chmodSync(path, 0o777);
    const file = join(directory, 'theirs/file');
    expect(await runAsUser(nobody, WORK, { file }, { timeoutMs: 10_000 })).toEqual({ uid: nobody.uid, gid: nobody.gid, groups: [nobody.gid], home: nobody.home, cwd: '/' });
    expect([statSync(file).uid, statSync(file).gid]).toEqual([nobody.uid, nobody.gid]);
  });

  test("the user's further groups come along, and root's do not", async () => {
    const groups = spawnSync('id', ['-G', nobody.name], { encoding: 'utf8' }).stdout.trim().split(' ').map(Number);
    expect(await runAsUser(nobody, WORK, {}, { timeoutMs: 10_000 })).toMatchObject({ groups });
  });

  test('a uid without a passwd entry has its gid alone', async () => {
    expect(await runAsUser({ uid: 3_999_999, gid: 3_999_998, name: '3999999', home: undefined }, WORK, {}, { timeoutMs: 10_000 })).toMatchObject({ uid: 3_999_999, gid: 3_999_998, groups: [3_999_998], home: '/' });
  });

  test('what only root may is not done', async () => {
    const file = join(tempDirectory(), 'file');
    await expect(runAsUser(nobody, WORK, { file }, { timeoutMs: 10_000 })).rejects.toMatchObject({ code: 'INTERNAL_FAULT', message: expect.stringContaining('EACCES') as string });
  });

  test.each([['error', /no luck/], ['exit', /exit code 3/]] as const)('work that ends with %s fails', async (fail, message) => {
    await expect(runAsUser(nobody, WORK, { fail }, { timeoutMs: 10_000 })).rejects.toThrow(message);
  });

  test('work that hangs is ended', async () => {
    await expect(runAsUser(nobody, WORK, { fail: 'hang' }, { timeoutMs: 1_000 })).rejects.toThrow(/SIGKILL/);
  });

  test('a module that is not there is said', async () => {
    await expect(runAsUser(nobody, '/nonexistent.mjs', {}, { timeoutMs: 10_000 })).rejects.toMatchObject({ code: 'PROGRAM_REPLACED', message: expect.stringContaining('/nonexistent.mjs') as string });
  });
});
