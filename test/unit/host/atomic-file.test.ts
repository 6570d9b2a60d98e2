import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { removeDurably, removeTreeDurably, renameDurably, sweepTemporaries, toStorageError, writeFileAtomic, writeFilesAtomic } from '../../../src/host/atomic-file.js';
import { SupervisorError } from '../../../src/core/errors.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

describe('writeFileAtomic', () => {
  test('writes and replaces, private by default, and leaves no temporary', async () => {
    const directory = tempDirectory();
    const path = join(directory, 'a.json');
    await writeFileAtomic(path, 'one');
    await writeFileAtomic(path, Buffer.from('two'));
    expect(readFileSync(path, 'utf8')).toBe('two');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(['a.json']);
  });

  test('gives the mode that is asked, whatever the umask and the old mode', async () => {
    const path = join(tempDirectory(), 'a');
    await writeFileAtomic(path, 'x', { mode: 0o600 });
    await writeFileAtomic(path, 'y', { mode: 0o644 });
    expect(statSync(path).mode & 0o777).toBe(0o644);
  });

  test('follows a symbolic link', async () => {
    const directory = tempDirectory();
    symlinkSync(join(directory, 'target'), join(directory, 'link'));
    writeFileSync(join(directory, 'target'), 'old');
    await writeFileAtomic(join(directory, 'link'), 'new');
    expect(readFileSync(join(directory, 'target'), 'utf8')).toBe('new');
  });

  test('writes of one file at once end with one of them whole', async () => {
    const directory = tempDirectory();
    const path = join(directory, 'a');
    const contents = Array.from({ length: 20 }, (_, index) => String(index).repeat(5_000));
    await Promise.all(contents.map(async (content) => writeFileAtomic(path, content)));
    expect(contents).toContain(readFileSync(path, 'utf8'));
    expect(readdirSync(directory)).toEqual(['a']);
  });

  test('fails with the path where the directory is missing, and changes nothing of the others', async () => {
    const directory = tempDirectory();
    const failing = writeFilesAtomic([{ path: join(directory, 'a'), data: 'x' }, { path: join(directory, 'missing/b'), data: 'y' }]);
    await expect(failing).rejects.toMatchObject({ code: 'STORAGE_FAILED', message: expect.stringContaining(join(directory, 'missing')) as string });
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('removing and renaming', () => {
  test('removes what is there and does not mind what is not', async () => {
    const directory = tempDirectory();
    writeFileSync(join(directory, 'a'), '');
    mkdirSync(join(directory, 'tree/deep'), { recursive: true });
    await removeDurably(join(directory, 'a'));
    await removeDurably(join(directory, 'a'));
    await removeTreeDurably(join(directory, 'tree'));
    await removeTreeDurably(join(directory, 'tree'));
    expect(readdirSync(directory)).toEqual([]);
  });

  test('renames', async () => {
    const directory = tempDirectory();
    writeFileSync(join(directory, 'a'), '');
    await renameDurably(join(directory, 'a'), join(directory, 'b'));
    expect(readdirSync(directory)).toEqual(['b']);
    await expect(renameDurably(join(directory, 'a'), join(directory, 'b'))).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  });
});

describe('sweepTemporaries', () => {
  test('removes half-written files and nothing else', async () => {
    const directory = tempDirectory();
    for (const name of ['a.json', 'a.json.123456789', '7.json', 'notes.2', 'a.json.corrupt-20260101', 'a.json.good']) writeFileSync(join(directory, name), '');
    mkdirSync(join(directory, 'folder.1'));
    expect(await sweepTemporaries(directory, (name) => name.endsWith('.json'))).toEqual(['a.json.123456789']);
    expect(readdirSync(directory).sort()).toEqual(['7.json', 'a.json', 'a.json.corrupt-20260101', 'a.json.good', 'folder.1', 'notes.2']);
  });

  test('a directory that is not there holds none', async () => {
    expect(await sweepTemporaries(join(tempDirectory(), 'missing'))).toEqual([]);
  });
});

describe('toStorageError', () => {
  test.each([
    ['ENOSPC', 'DISK_FULL'],
    ['EDQUOT', 'DISK_FULL'],
    ['EROFS', 'STORAGE_READONLY'],
    ['EACCES', 'STORAGE_FORBIDDEN'],
    ['EPERM', 'STORAGE_FORBIDDEN'],
    ['EMFILE', 'DESCRIPTORS_EXHAUSTED'],
    ['ENFILE', 'DESCRIPTORS_EXHAUSTED'],
    ['EIO', 'STORAGE_FAILED'],
    ['constructor', 'STORAGE_FAILED'],
  ])('%s is %s', (errno, code) => {
    const error = toStorageError(Object.assign(new Error('reason'), { code: errno }), '/a/b', 'read');
    expect(error).toMatchObject({ code, message: 'cannot read /a/b: reason' });
  });

  test('leaves ours alone, and takes what is no error', () => {
    const ours = new SupervisorError('LOCK_HELD', 'x');
    expect(toStorageError(ours, '/a')).toBe(ours);
    expect(toStorageError('text', '/a').code).toBe('STORAGE_FAILED');
  });
});
