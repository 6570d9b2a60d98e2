import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createDocument, type Document } from '../../../src/state/document.js';
import { failOnEvent, recordEvents } from '../../fixtures/recorded-events.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';
import { STILL_CLOCK } from './base.js';

interface Value {
  readonly count: number;
  readonly names: readonly string[];
}
const schema = z.looseObject({ count: z.number(), names: z.array(z.string()) });
const ASIDE = 'a.json.corrupt-20260102T030405006Z';

function open(path: string, emit = failOnEvent): Document<Value> {
  return createDocument<Value>({ path, schema, version: 2, emit, clock: STILL_CLOCK });
}

const at = (): string => join(tempDirectory(), 'a.json');
const read = (path: string): string => readFileSync(path, 'utf8');
const ONE: Value = { count: 1, names: ['a', 'ß\u2028"'] };

describe('a document', () => {
  test('is not there before it is written', async () => {
    expect(await open(at()).read()).toBeUndefined();
  });

  test('comes back as it was written, private, with its version and a copy', async () => {
    const path = at();
    await open(path).write(ONE);
    expect(await open(path).read()).toEqual(ONE);
    expect(JSON.parse(read(path))).toEqual({ schemaVersion: 2, ...ONE });
    expect(read(`${path}.good`)).toBe(read(path));
    expect([path, `${path}.good`].map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o600]);
    expect(readdirSync(join(path, '..'))).toHaveLength(2);
  });

  test('keeps fields that it does not know', async () => {
    const path = at();
    writeFileSync(path, '{"schemaVersion":2,"count":1,"names":[],"extra":{"deep":[1]}}');
    const document = open(path);
    const value = await document.read();
    await document.write({ ...value, count: 2, names: [] });
    expect(JSON.parse(read(path))).toMatchObject({ count: 2, extra: { deep: [1] } });
  });

  test('writes in the order of the calls, and reads what was written before', async () => {
    const path = at();
    const document = open(path);
    const writes = Array.from({ length: 20 }, async (_, count) => document.write({ count, names: [] }));
    const seen = document.read();
    await Promise.all(writes);
    expect(await seen).toMatchObject({ count: 19 });
    expect(JSON.parse(read(`${path}.good`))).toMatchObject({ count: 19 });
  });

  test('is removed with its copy, and again without harm', async () => {
    const path = at();
    const document = open(path);
    await document.write(ONE);
    await document.remove();
    await document.remove();
    expect([existsSync(path), existsSync(`${path}.good`), await document.read()]).toEqual([false, false, undefined]);
  });

  test('of an older version is brought up, one of a newer is refused and left alone', async () => {
    const path = at();
    writeFileSync(path, '{"schemaVersion":1,"total":4}');
    const migrating = createDocument<Value>({ path, schema, version: 2, emit: failOnEvent, migrate: (value, version) => ({ count: Number(value['total']) + version, names: [] }) });
    expect(await migrating.read()).toEqual({ count: 5, names: [] });
    const newer = '{"schemaVersion":3,"anything":true}';
    writeFileSync(path, newer);
    await expect(open(path).read()).rejects.toMatchObject({ code: 'DOCUMENT_NEWER' });
    expect(read(path)).toBe(newer);
  });
});

describe('a document that was damaged', () => {
  const damages: readonly [string, string, RegExp][] = [
    ['empty', '', /not JSON/],
    ['cut off', '{"schemaVersion":2,"count":', /not JSON/],
    ['another thing', '[1]', /not JSON/],
    ['without a version', '{"count":1,"names":[]}', /schemaVersion/],
    ['with a wrong field', '{"schemaVersion":2,"count":"1","names":[]}', /count/],
    ['full of zeros', '\0'.repeat(100), /not JSON/],
  ];
  test.each(damages)('%s: it is set aside, the copy is used, and an event says so', async (_name, text, problem) => {
    const path = at();
    await open(path).write(ONE);
    writeFileSync(path, text);
    const events = recordEvents();
    expect(await open(path, events.emit).read()).toEqual(ONE);
    expect(events.all).toEqual([{ type: 'document.restored', data: { file: path, setAsideAs: join(path, '..', ASIDE), problem: expect.stringMatching(problem) as string } }]);
    expect(read(join(path, '..', ASIDE))).toBe(text);
    expect(await open(path).read()).toEqual(ONE);
  });

  test('a lost one comes back from its copy', async () => {
    const path = at();
    await open(path).write(ONE);
    rmSync(path);
    const events = recordEvents();
    expect(await open(path, events.emit).read()).toEqual(ONE);
    expect(events.all).toMatchObject([{ type: 'document.restored', data: { setAsideAs: '', problem: 'it is gone' } }]);
    expect(await open(path).read()).toEqual(ONE);
  });

  test('with its copy: both are set aside, and it begins anew', async () => {
    const path = at();
    writeFileSync(path, 'x');
    writeFileSync(`${path}.good`, 'y');
    const events = recordEvents();
    expect(await open(path, events.emit).read()).toBeUndefined();
    expect(events.all).toMatchObject([{ type: 'document.restored', data: { problem: expect.stringContaining('begins anew') as string } }]);
    expect(await open(path).read()).toBeUndefined();
  });

  test('a copy that is missing or behind is made again', async () => {
    const path = at();
    await open(path).write(ONE);
    for (const damage of [() => rmSync(`${path}.good`), () => writeFileSync(`${path}.good`, '{"schemaVersion":2,"count":0,"names":[]}')]) {
      damage();
      expect(await open(path).read()).toEqual(ONE);
      expect(read(`${path}.good`)).toBe(read(path));
    }
  });

  test('a few that were set aside are kept', async () => {
    const path = at();
    let now = 0;
    for (let round = 0; round < 8; round += 1) {
      writeFileSync(path, `damage ${round}`);
      await createDocument<Value>({ path, schema, version: 2, emit: recordEvents().emit, clock: { ...STILL_CLOCK, now: () => (now += 1_000) } }).read();
    }
    const aside = readdirSync(join(path, '..')).filter((name) => name.includes('.corrupt-')).sort();
    expect(aside).toHaveLength(5);
    expect(read(join(path, '..', aside.at(-1) ?? ''))).toBe('damage 7');
  });

  test.skipIf(process.geteuid?.() === 0)('a file that is not ours to read is said (as a user, not as root)', async () => {
    const path = at();
    writeFileSync(path, '{}');
    chmodSync(path, 0);
    await expect(open(path).read()).rejects.toMatchObject({ code: 'STORAGE_FORBIDDEN' });
  });

  test('cut off at any byte, or with any byte changed, the value is the old one or the new one', async () => {
    const path = at();
    const values = fc.record({ count: fc.integer(), names: fc.array(fc.string({ unit: 'binary' }), { maxLength: 4 }) });
    await fc.assert(fc.asyncProperty(values, values, fc.nat(), fc.option(fc.nat({ max: 255 })), fc.boolean(), async (before, after, position, byte, copyWritten) => {
      const document = open(path, recordEvents().emit);
      await document.write(before);
      const old = read(`${path}.good`);
      await document.write(after);
      if (!copyWritten) writeFileSync(`${path}.good`, old);
      const whole = readFileSync(path);
      const index = position % whole.length;
      writeFileSync(path, byte === null ? whole.subarray(0, index) : Buffer.concat([whole.subarray(0, index), Buffer.from([byte]), whole.subarray(index + 1)]));
      const damaged = read(path);
      const got = await open(path, recordEvents().emit).read().catch((error: { code?: string }) => error.code);
      // A changed digit or letter is a value that nobody can tell from a true one, or a version that may be newer.
      const plausible = tryParse(damaged);
      if (plausible !== undefined) expect([plausible, 'DOCUMENT_NEWER']).toContainEqual(got);
      else expect([before, after]).toContainEqual(got);
    }), { numRuns: 60 });
  });
});

function tryParse(text: string): unknown {
  try {
    const { schemaVersion, ...value } = JSON.parse(text) as Record<string, unknown>;
    return typeof schemaVersion === 'number' && schema.safeParse(value).success ? value : undefined;
  } catch {
    return undefined;
  }
}
