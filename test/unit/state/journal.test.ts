import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SupervisorError } from '../../../src/core/errors.js';
import { createJournalStore } from '../../../src/state/journal.js';
import type { JournalEntry, JournalHeader } from '../../../src/transaction/ports.js';
import { failOnEvent, recordEvents } from '../../fixtures/recorded-events.js';
import { makeBase, STILL_CLOCK } from './base.js';

const header = (change: string): JournalHeader => ({
  change, kind: 'forwarding', startedAt: '2026-01-01T00:00:00.000Z', steps: [{ kind: 'write-revision' }, { kind: 'commit', revision: 4 } as { kind: string }], finishFrom: 1, commit: 1, context: { nested: ['ü'] },
});
const error = new SupervisorError('DNS_FAILED', 'no', { problems: [{ rule: 1, field: 'hostname', code: 'X_Y', message: 'm' }] }).toBody();
const ENTRIES: readonly JournalEntry[] = [
  { step: 0, phase: 'begun' },
  { step: 0, phase: 'done', result: { pid: 7 } },
  { phase: 'replanned', from: 1, steps: [{ kind: 'commit' }], commit: 1 },
  { phase: 'undoing', error },
  { step: 0, phase: 'undone' },
  { phase: 'finishing', error: null },
];

describe('a journal', () => {
  test('holds what was appended, in order, until it is closed', async () => {
    const paths = makeBase();
    const store = createJournalStore(paths, failOnEvent);
    const journal = await store.open(header('20260101-a'));
    await journal.append(ENTRIES.slice(0, 2), 'machine');
    for (const entry of ENTRIES.slice(2)) await journal.append([entry], 'machine');
    expect(await store.unfinished()).toEqual([{ header: header('20260101-a'), entries: ENTRIES }]);
    expect(statSync(paths.journal('20260101-a')).mode & 0o777).toBe(0o600);
    await journal.close();
    await journal.close();
    expect([await store.unfinished(), readdirSync(paths.journalDir)]).toEqual([[], []]);
  });

  test('is on the file when the append resolves', async () => {
    const paths = makeBase();
    const journal = await createJournalStore(paths, failOnEvent).open(header('a'));
    await Promise.all(ENTRIES.map(async (entry) => {
      await journal.append([entry], 'machine');
      expect(readFileSync(paths.journal('a'), 'utf8')).toContain(`${JSON.stringify(entry)}\n`);
    }));
    await journal.release();
  });

  test('unfinished ones come oldest first, and go on where they stopped', async () => {
    const paths = makeBase();
    const store = createJournalStore(paths, failOnEvent);
    for (const change of ['20260102', '20260101']) await (await store.open(header(change))).release();
    expect((await store.unfinished()).map((record) => record.header.change)).toEqual(['20260101', '20260102']);
    const journal = await store.reopen('20260101');
    await journal.append(ENTRIES.slice(0, 1), 'machine');
    expect((await store.unfinished())[0]?.entries).toEqual(ENTRIES.slice(0, 1));
    await journal.close();
    expect((await store.unfinished()).map((record) => record.header.change)).toEqual(['20260102']);
  });

  test('one change is opened once', async () => {
    const store = createJournalStore(makeBase(), failOnEvent);
    await (await store.open(header('a'))).release();
    await expect(store.open(header('a'))).rejects.toMatchObject({ code: 'STORAGE_FAILED', message: expect.stringContaining('EEXIST') as string });
    await expect(store.reopen('b')).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  });
});

describe('a journal that was torn', () => {
  test('at any byte holds what was acknowledged, and can go on', async () => {
    const paths = makeBase();
    const store = createJournalStore(paths, failOnEvent);
    const journal = await store.open(header('a'));
    await journal.append(ENTRIES, 'machine');
    await journal.release();
    const whole = readFileSync(paths.journal('a'));
    const headerEnd = whole.indexOf(0x0a) + 1;
    for (let length = 0; length <= whole.length; length += 1) {
      writeFileSync(paths.journal('a'), whole.subarray(0, length));
      const records = await store.unfinished();
      if (length < headerEnd) {
        expect([records, readdirSync(paths.journalDir)]).toEqual([[], []]);
        continue;
      }
      const lines = whole.subarray(headerEnd, length).toString('latin1').split('\n').length - 1;
      expect(records).toEqual([{ header: header('a'), entries: ENTRIES.slice(0, lines) }]);
      const again = await store.reopen('a');
      await again.append(ENTRIES.slice(0, 1), 'machine');
      await again.release();
      expect((await store.unfinished())[0]?.entries).toEqual([...ENTRIES.slice(0, lines), ...ENTRIES.slice(0, 1)]);
    }
  });

  test('with zeros at its end, or a broken line, the rest still counts', async () => {
    const paths = makeBase();
    const store = createJournalStore(paths, failOnEvent);
    const journal = await store.open(header('a'));
    await journal.append(ENTRIES.slice(0, 2), 'machine');
    await journal.release();
    const whole = readFileSync(paths.journal('a'), 'utf8');
    writeFileSync(paths.journal('a'), `${whole}${'\0'.repeat(50)}`);
    expect((await store.unfinished())[0]?.entries).toEqual(ENTRIES.slice(0, 2));
    writeFileSync(paths.journal('a'), whole.replace('"begun"', '"b\0gun"'));
    expect((await store.unfinished())[0]?.entries).toEqual(ENTRIES.slice(1, 2));
  });

  test('one whose change cannot be known is set aside, with an event', async () => {
    const paths = makeBase();
    writeFileSync(paths.journal('a'), '{"change":"a"}\n');
    const events = recordEvents();
    const store = createJournalStore(paths, events.emit, STILL_CLOCK);
    expect(await store.unfinished()).toEqual([]);
    expect(events.all).toMatchObject([{ type: 'document.restored', data: { file: paths.journal('a'), setAsideAs: `${paths.journal('a')}.corrupt-20260102T030405006Z` } }]);
    expect(await createJournalStore(paths, failOnEvent).unfinished()).toEqual([]);
  });

  test('one that tells of another change than its name is set aside, and that other one is not touched', async () => {
    const paths = makeBase();
    const events = recordEvents();
    const store = createJournalStore(paths, events.emit, STILL_CLOCK);
    const journal = await store.open(header('b'));
    await journal.release();
    // Copied or renamed by somebody, and perhaps long over: to go on with it would undo what stands.
    for (const name of ['a', 'b (copy)']) writeFileSync(paths.journal(name), readFileSync(paths.journal('b')));
    expect((await store.unfinished()).map(({ header: { change } }) => change)).toEqual(['b']);
    expect(events.all.map(({ data }) => ('setAsideAs' in data ? [data.file, data.problem] : []))).toEqual(['a', 'b (copy)'].map((name) => [paths.journal(name), 'it tells of the change b']));
    expect(await createJournalStore(paths, failOnEvent).unfinished()).toHaveLength(1);
  });

  test('one of a newer version is refused and left alone', async () => {
    const paths = makeBase();
    const text = '{"schemaVersion":2,"change":"a","new":true}\n';
    writeFileSync(paths.journal('a'), text);
    const store = createJournalStore(paths, failOnEvent);
    await expect(store.unfinished()).rejects.toMatchObject({ code: 'DOCUMENT_NEWER' });
    await expect(store.reopen('a')).rejects.toMatchObject({ code: 'DOCUMENT_NEWER' });
    expect(readFileSync(paths.journal('a'), 'utf8')).toBe(text);
  });

  test('whatever bytes stand in it, it gives entries or none, and never fails', async () => {
    const paths = makeBase();
    const store = createJournalStore(paths, recordEvents().emit);
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (bytes, withHeader) => {
      writeFileSync(paths.journal('a'), Buffer.concat([Buffer.from(withHeader ? `${JSON.stringify(header('a'))}\n` : ''), bytes]));
      expect(await store.unfinished()).toHaveLength(withHeader ? 1 : 0);
    }), { numRuns: 100 });
  });
});
