import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Revision } from '../../../src/core/revision.js';
import type { RevisionStore } from '../../../src/forwarding/ports.js';
import type { BasePaths } from '../../../src/host/base-paths.js';
import { sha256 } from '../../../src/state/hash.js';
import { openRevisionStore } from '../../../src/state/revisions.js';
import { failOnEvent, recordEvents } from '../../fixtures/recorded-events.js';
import { makeBase, STILL_CLOCK } from './base.js';

const yamlOf = (revision: number): string => `# ${revision}\ningress: []\n`;

const make = (revision: number): Revision => ({
  revision, createdAt: '2026-01-01T00:00:00.000Z', reason: 'user', tunnelId: 't', domain: 'example.com',
  rules: [
    { rule: { hostname: 'app.example.com', path: '/api', destination: 'http://[12]:80', originRequest: { noTLSVerify: true, access: { required: true } } }, status: 'live', resolvedIp: '10.0.0.2' },
    { rule: { hostname: 'b.example.com', destination: 'http_status:404' }, status: 'unresolved' },
  ],
  setAside: [{ hostname: 'x.elsewhere.org', destination: 'http://127.0.0.1:1' }],
  addresses: [{ deviceId: '12', address: '10.0.0.2', mac: undefined, at: '2026-01-01T00:00:00.000Z' }, { deviceId: '13', address: 'fd00::1', mac: 'aa:bb', at: 'x' }],
  configHash: sha256(yamlOf(revision)),
});

const publish = async (store: RevisionStore, inUse: readonly number[] = []): Promise<number> => {
  const number = store.nextNumber();
  await store.write(make(number), yamlOf(number));
  await store.commit(number, inUse);
  return number;
};
const numbersOn = (paths: BasePaths): number[] => readdirSync(paths.revisionsDir).flatMap((name) => /^(\d+)\.yml$/.exec(name)?.[1] ?? []).map(Number).sort((a, b) => a - b);

describe('revisions', () => {
  test('there is none at first, and the first has number 1', async () => {
    const store = await openRevisionStore(makeBase(), failOnEvent);
    expect([store.current(), store.nextNumber(), await store.list(), await store.read(1)]).toEqual([undefined, 1, [], undefined]);
  });

  test('come back as they were written, also in another process', async () => {
    const paths = makeBase();
    const store = await openRevisionStore(paths, failOnEvent);
    await publish(store);
    expect(readFileSync(paths.revisionYml(1), 'utf8')).toBe(yamlOf(1));
    const again = await openRevisionStore(paths, failOnEvent);
    for (const one of [store, again]) expect([one.current(), await one.read(1), one.nextNumber()]).toEqual([make(1), make(1), 2]);
  });

  test('what is written is not current before it is committed', async () => {
    const paths = makeBase();
    const store = await openRevisionStore(paths, failOnEvent);
    await publish(store);
    await store.write(make(2), yamlOf(2));
    for (const one of [store, await openRevisionStore(paths, failOnEvent)]) {
      expect([one.current()?.revision, (await one.list()).map(({ revision }) => revision), one.nextNumber()]).toEqual([1, [1], 3]);
    }
    await expect(store.commit(9, [])).rejects.toMatchObject({ code: 'REVISION_UNKNOWN' });
  });

  test('a number is never given twice, not even after what had it was taken back', async () => {
    const paths = makeBase();
    const store = await openRevisionStore(paths, failOnEvent);
    await publish(store);
    await store.write(make(2), yamlOf(2));
    await store.remove(2);
    await store.remove(2);
    expect(numbersOn(paths)).toEqual([1]);
    const again = await openRevisionStore(paths, failOnEvent);
    expect([store.nextNumber(), again.nextNumber(), again.current()?.revision]).toEqual([3, 3, 1]);
  });

  test('the first ever can be taken back after its commit', async () => {
    const paths = makeBase();
    const store = await openRevisionStore(paths, failOnEvent);
    await publish(store);
    await store.remove(1);
    for (const one of [store, await openRevisionStore(paths, failOnEvent)]) expect([one.current(), one.nextNumber(), await one.list()]).toEqual([undefined, 2, []]);
  });

  test('ten stay, newest first, and those in use', async () => {
    const paths = makeBase();
    const store = await openRevisionStore(paths, failOnEvent);
    for (let round = 0; round < 13; round += 1) await publish(store, [2]);
    expect((await store.list()).map(({ revision }) => revision)).toEqual([13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 2]);
    expect(numbersOn(paths)).toEqual([2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    await publish(store);
    expect(numbersOn(paths)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    expect(readdirSync(paths.revisionsDir)).toHaveLength(10 * 3 + 2);
  });

  test('going back to an earlier one leaves the later one for its undo', async () => {
    const store = await openRevisionStore(makeBase(), failOnEvent);
    await publish(store);
    await publish(store);
    await store.commit(1, [2]);
    expect([store.current()?.revision, store.nextNumber()]).toEqual([1, 3]);
    await store.remove(2);
    expect([await store.read(2), store.nextNumber()]).toEqual([undefined, 3]);
  });

  test('one whose config does not fit its hash is a fault of ours', async () => {
    const store = await openRevisionStore(makeBase(), failOnEvent);
    await expect(store.write(make(1), 'other')).rejects.toMatchObject({ code: 'INTERNAL_FAULT' });
  });
});

describe('a revision that was damaged', () => {
  test.each([['changed', (path: string) => writeFileSync(path, 'ingress: [evil]')], ['lost', (path: string) => rmSync(path)]])('the config that was %s is made again', async (_name, damage) => {
    const paths = makeBase();
    await publish(await openRevisionStore(paths, failOnEvent));
    damage(paths.revisionYml(1));
    const events = recordEvents();
    const store = await openRevisionStore(paths, events.emit, STILL_CLOCK);
    expect(store.current()).toEqual(make(1));
    expect(readFileSync(paths.revisionYml(1), 'utf8')).toBe(yamlOf(1));
    expect(events.all).toMatchObject([{ type: 'document.restored', data: { file: paths.revisionYml(1) } }]);
  });

  test('the files beside it come back from their copies', async () => {
    const paths = makeBase();
    await publish(await openRevisionStore(paths, failOnEvent));
    for (const file of [paths.revisionJson(1), paths.currentDocument]) writeFileSync(file, '');
    const events = recordEvents();
    expect((await openRevisionStore(paths, events.emit)).current()).toEqual(make(1));
    expect(events.all).toHaveLength(2);
  });

  test('what a kill left of a removal is no revision', async () => {
    const paths = makeBase();
    const store = await openRevisionStore(paths, failOnEvent);
    await publish(store);
    await store.write(make(2), yamlOf(2));
    for (const file of [`${paths.revisionJson(2)}.good`, paths.revisionJson(2)]) rmSync(file);
    const again = await openRevisionStore(paths, failOnEvent);
    expect([await again.read(2), again.nextNumber(), (await again.list()).length]).toEqual([undefined, 3, 1]);
    await again.remove(2);
    expect(existsSync(paths.revisionYml(2))).toBe(false);
  });
});
