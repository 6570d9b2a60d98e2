import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openCopyHashes } from '../../../src/state/copy-hashes.js';
import { failOnEvent } from '../../fixtures/recorded-events.js';
import { makeBase } from './base.js';

describe('copies', () => {
  test('are known as ours, also in another process', async () => {
    const paths = makeBase();
    const copies = await openCopyHashes(paths, failOnEvent);
    expect(await copies.check(paths.configYml)).toEqual({ kind: 'missing' });
    await copies.write([{ path: paths.configYml, content: 'one', mode: 0o644 }], 1);
    const again = await openCopyHashes(paths, failOnEvent);
    expect([await again.check(paths.configYml), again.list()]).toEqual([{ kind: 'current' }, [paths.configYml]]);
    expect(statSync(paths.configYml).mode & 0o777).toBe(0o644);
  });

  test('what somebody wrote is seen, with what it is', async () => {
    const paths = makeBase();
    const copies = await openCopyHashes(paths, failOnEvent);
    writeFileSync(paths.configYml, 'theirs');
    expect(await copies.check(paths.configYml)).toEqual({ kind: 'unknown', content: 'theirs' });
    await copies.write([{ path: paths.configYml, content: 'ours' }], 1);
    writeFileSync(paths.configYml, 'edited');
    expect(await copies.check(paths.configYml)).toEqual({ kind: 'edited', content: 'edited' });
    rmSync(paths.configYml);
    expect(await copies.check(paths.configYml)).toEqual({ kind: 'missing' });
  });

  test('killed between the hash and the file, the old copy is ours and no edit, however often', async () => {
    const paths = makeBase();
    const copies = await openCopyHashes(paths, failOnEvent);
    await copies.write([{ path: paths.configYml, content: 'one' }], 1);
    for (const content of ['two', 'three']) {
      // The hashes are written, and then no file is, since one of them cannot be.
      const failing = copies.write([{ path: paths.configYml, content }, { path: join(paths.baseDir, 'missing/file'), content }], 2);
      await expect(failing).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
      expect(await (await openCopyHashes(paths, failOnEvent)).check(paths.configYml)).toEqual({ kind: 'stale' });
    }
    await copies.write([{ path: paths.configYml, content: 'four' }], 3);
    expect(await copies.check(paths.configYml)).toEqual({ kind: 'current' });
  });

  test('what stands there already is not written again', async () => {
    const paths = makeBase();
    const copies = await openCopyHashes(paths, failOnEvent);
    await copies.write([{ path: paths.configYml, content: 'one' }], 1);
    const { ino } = statSync(paths.configYml);
    await copies.write([{ path: paths.configYml, content: 'one' }], 2);
    expect(statSync(paths.configYml).ino).toBe(ino);
  });

  test('are forgotten when asked', async () => {
    const paths = makeBase();
    const copies = await openCopyHashes(paths, failOnEvent);
    await copies.write([{ path: paths.configYml, content: 'one' }], 1);
    await copies.forget([paths.configYml, '/never']);
    expect([copies.list(), existsSync(paths.configYml), await copies.check(paths.configYml)]).toEqual([[], true, { kind: 'unknown', content: 'one' }]);
  });
});
