import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { listLogs, nextLogNumber } from '../../../src/cloudflared/log-files.js';
import { checkRunFiles } from '../../../src/cloudflared/preflight.js';
import { acquireLock, readLockHolder } from '../../../src/host/lock.js';
import { readPlaces } from '../../../src/host/places.js';
import { openRegularToAppend } from '../../../src/host/regular-file.js';
import { openAnswersLog } from '../../../src/portacode/answers-log.js';
import { SetupAskers } from '../../../src/portacode/setup-askers.js';
import { readStateFile } from '../../../src/portacode/state-files/state-file.js';
import { clearObstacles } from '../../../src/state/clear-obstacles.js';
import { openCopyHashes } from '../../../src/state/copy-hashes.js';
import { readCredentials } from '../../../src/state/credentials-file.js';
import { createDocument } from '../../../src/state/document.js';
import { openEventStore } from '../../../src/state/event-store.js';
import { createJournalStore } from '../../../src/state/journal.js';
import { readSecret } from '../../../src/state/read-secret.js';
import { openRevisionStore } from '../../../src/state/revisions.js';
import { sha256 } from '../../../src/state/hash.js';
import { putSocket } from '../../fixtures/put-socket.js';
import { failOnEvent, recordEvents } from '../../fixtures/recorded-events.js';
import { makeBase, STILL_CLOCK } from '../state/base.js';

/** What may stand where a file of ours should: a reader that waits for it waits for ever. */
const OBSTACLES: Readonly<Record<string, (path: string) => void>> = {
  'a FIFO': (path) => void execFileSync('mkfifo', [path]),
  'a directory': (path) => mkdirSync(path),
  'a directory that is not empty': (path) => void mkdirSync(join(path, 'x'), { recursive: true }),
  'a link to itself': (path) => symlinkSync(basename(path), path),
  'something endless': (path) => symlinkSync('/dev/zero', path),
  'a socket': putSocket,
};
const TUNNEL_ID = '11111111-2222-3333-4444-555555555555';

describe.each(Object.entries(OBSTACLES))('%s', (_name, put) => {
  const replace = (path: string): void => {
    rmSync(path, { force: true });
    put(path);
  };

  test('in the place of a document is set aside, and the good copy used', async () => {
    const paths = makeBase();
    const { emit, all } = recordEvents();
    const document = createDocument({ path: join(paths.baseDir, 'x.json'), schema: z.object({ a: z.number() }), version: 1, emit });
    await document.write({ a: 1 });
    replace(document.path);
    expect(await document.read()).toEqual({ a: 1 });
    expect(all).toMatchObject([{ type: 'document.restored', data: { file: document.path, problem: 'it is not a file' } }]);
    for (const path of [document.path, `${document.path}.good`]) replace(path);
    expect(await document.read()).toBeUndefined();
    // More of them than are kept.
    for (let count = 0; count < 7; count += 1) {
      replace(document.path);
      await document.read();
      await document.write({ a: count });
    }
    expect(await document.read()).toEqual({ a: 6 });
  });

  test('in the place of a secret is refused', async () => {
    const paths = makeBase();
    put(paths.certPem);
    put(paths.credentials(TUNNEL_ID));
    await expect(readSecret(paths.certPem)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    await expect(readCredentials(paths.credentials(TUNNEL_ID))).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    writeFileSync(paths.configYml, '');
    const wrong = await checkRunFiles({ config: paths.configYml, credentials: paths.credentials(TUNNEL_ID), tunnelId: TUNNEL_ID }, () => undefined);
    expect(wrong).toMatchObject({ code: 'CREDENTIALS_MISSING', message: expect.stringContaining('is not a file') as unknown });
  });

  test('in the place of a revision is set aside, and the revision restored', async () => {
    const paths = makeBase();
    const yaml = 'ingress: []\n';
    const revision = { revision: 1, createdAt: '', reason: 'user', tunnelId: TUNNEL_ID, domain: 'example.com', rules: [], setAside: [], addresses: [], configHash: sha256(yaml) };
    const store = await openRevisionStore(paths, failOnEvent);
    await store.write(revision, yaml);
    await store.commit(1, []);
    const files = [paths.revisionYml(1), paths.revisionJson(1), paths.currentDocument];
    for (const path of files) replace(path);
    const { emit, all } = recordEvents();
    expect((await openRevisionStore(paths, emit)).current()).toEqual(revision);
    expect(all.map(({ data }) => ('file' in data ? data.file : '')).toSorted()).toEqual(files.toSorted());
    expect(new Set(all.map(({ type }) => type))).toEqual(new Set(['document.restored']));
  });

  test('in the place of a journal is set aside, and the others are recovered', async () => {
    const paths = makeBase();
    const { emit, all } = recordEvents();
    const store = createJournalStore(paths, emit);
    const left = await store.open({ change: 'b', kind: 'forwarding', startedAt: '', steps: [], context: null });
    await left.release();
    put(paths.journal('a'));
    expect((await store.unfinished()).map(({ header }) => header.change)).toEqual(['b']);
    expect(all).toMatchObject([{ type: 'document.restored', data: { file: paths.journal('a') } }]);
    expect(await store.unfinished()).toHaveLength(1);
  });

  test('in the place of a copy, of the places or of the events is said', async () => {
    const paths = makeBase();
    put(paths.configYml);
    await expect((await openCopyHashes(paths, failOnEvent)).check(paths.configYml)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    put(paths.pathsJson);
    const asked = { identity: { home: '/nowhere', chosenBy: 'process', uid: 1 } as const, options: { baseDir: paths.baseDir }, env: {} };
    await expect(readPlaces(asked)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    put(paths.eventsLog);
    expect(() => openEventStore({ path: paths.eventsLog })).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }) as Error);
  });

  test('in the place of what is opened or written straight away is set aside before', async () => {
    const paths = makeBase();
    const files = [paths.pathsJson, paths.eventsLog, paths.eventsLog.replace('.jsonl', '.1.jsonl'), paths.answersLog, paths.setupAsker, paths.caBundle, paths.noConfigYml, paths.configYml, paths.certPem, paths.credentials(TUNNEL_ID)];
    for (const path of files) put(path);
    const found = await clearObstacles(paths, STILL_CLOCK);
    expect(found.map(({ file }) => file)).toEqual(files);
    for (const { setAsideAs } of found) expect(lstatSync(setAsideAs).isFile()).toBe(false);
    expect(await clearObstacles(paths, STILL_CLOCK)).toEqual([]);
  });

  test('in the place of a lock or a log is refused, and holds nobody', () => {
    const paths = makeBase();
    put(paths.lock);
    put(paths.daemonLog);
    expect(() => acquireLock(paths.lock, { command: 'x', since: '' })).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED', hint: 'Move it out of the way.' }) as Error);
    expect(readLockHolder(paths.lock)).toBeUndefined();
    expect(() => openRegularToAppend(paths.daemonLog)).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED', hint: 'Move it out of the way.' }) as Error);
  });

  test('in the place of what Portacode reads is corrupt', async () => {
    const path = join(makeBase().baseDir, 'state.json');
    put(path);
    expect(await readStateFile(path)).toEqual({ kind: 'corrupt', problem: 'it is not a file' });
  });

  test('in the place of what Portacode was answered holds nobody up', async () => {
    const paths = makeBase();
    put(paths.answersLog);
    const answers = openAnswersLog({ path: paths.answersLog, clock: STILL_CLOCK });
    await answers.add('a', [{ event: 'x' }]);
    expect(await answers.find('a')).toBeUndefined();
    put(paths.setupAsker);
    expect(() => new SetupAskers(paths.setupAsker)).not.toThrow();
  });

  test('in the place of a log is passed over, and its name is not taken', () => {
    const paths = makeBase();
    put(paths.connectorLog(7));
    writeFileSync(paths.connectorLog(3), 'x\n');
    writeFileSync(join(paths.logDir, `connector-${'9'.repeat(30)}.log`), 'x\n');
    expect(listLogs(paths.logDir).map(({ number }) => number)).toEqual([3]);
    expect(nextLogNumber(paths.logDir)).toBe(8);
  });
});
