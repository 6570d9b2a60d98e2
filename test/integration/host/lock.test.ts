import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { acquireLock, readLockHolder } from '../../../src/host/lock.js';
import { bootId, readProcess } from '../../../src/host/process-table.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const PROGRAM = join(import.meta.dirname, '../../fixtures/host/hold-lock.mjs');
const REQUEST = { command: 'test', since: '2026-02-02T00:00:00.000Z' };

interface Holder {
  readonly child: ChildProcess;
  readonly said: { readonly kind?: string; readonly code?: string; readonly message?: string; readonly child?: number | null };
}

/** A process of its own that tries to take the lock. */
async function startHolder(path: string, { searchPath = '', withChild = false, within = [] as readonly string[] } = {}): Promise<Holder> {
  const [file, ...argv] = [...within, process.execPath, PROGRAM, path, searchPath, withChild ? 'yes' : 'no'];
  const child = spawn(file, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const said = JSON.parse(line.toString()) as Holder['said'];
  onTestFinished(() => {
    child.kill('SIGKILL');
    if (typeof said.child === 'number') process.kill(said.child, 'SIGKILL');
  });
  return { child, said };
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** As in a container: /proc shows its own processes alone, and its first one has pid 1. */
const PID_NAMESPACE = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
const canUnshare = process.geteuid?.() === 0 && spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true']).status === 0;

/** Without the program: what stands in the file must do. */
const NO_FLOCK = '/nonexistent';

describe.each([['flock', ''], ['record', NO_FLOCK]])('a lock by %s', (kind, searchPath) => {
  const request = { ...REQUEST, ...(searchPath === '' ? {} : { searchPath }) };

  test('is held by one, who is named to the second', async () => {
    const path = join(tempDirectory(), 'lock');
    const first = await startHolder(path, { searchPath });
    expect(first.said).toMatchObject({ kind });
    const second = await startHolder(path, { searchPath });
    expect(second.said).toMatchObject({ code: 'LOCK_HELD', message: `${path} is held by pid ${first.child.pid} since 2026-01-01T00:00:00.000Z (hold-lock)` });
    expect(readLockHolder(path)?.pid).toBe(first.child.pid);
  });

  test('goes with its holder, also by SIGKILL, though a child of theirs lives on', async () => {
    const path = join(tempDirectory(), 'lock');
    const holder = await startHolder(path, { searchPath, withChild: true });
    await kill(holder.child);
    expect(readProcess(holder.said.child ?? 0)).toBeDefined();
    const lock = acquireLock(path, request);
    expect(lock.kind).toBe(kind);
    lock.release();
  });

  test('is given back, and can be taken again', async () => {
    const path = join(tempDirectory(), 'lock');
    const lock = acquireLock(path, request);
    expect(() => acquireLock(path, request)).toThrow(expect.objectContaining({ code: 'LOCK_HELD' }));
    lock.release();
    lock.release();
    expect(readLockHolder(path)).toBeUndefined();
    const holder = await startHolder(path, { searchPath });
    expect(holder.said).toMatchObject({ kind });
    holder.child.stdin?.end();
    await once(holder.child, 'exit');
    acquireLock(path, request).release();
  });

  test('of ten that start at once one has it', async () => {
    const path = join(tempDirectory(), 'lock');
    const holders = await Promise.all(Array.from({ length: 10 }, async () => startHolder(path, { searchPath })));
    expect(holders.filter(({ said }) => said.kind === kind)).toHaveLength(1);
    expect(holders.filter(({ said }) => said.code === 'LOCK_HELD')).toHaveLength(9);
  });

  test.each([
    ['of a pid that somebody else has now', { pid: process.pid, startTime: '1', bootId: bootId() }],
    ['of another boot', { pid: process.pid, startTime: readProcess(process.pid)?.startTime, bootId: 'another' }],
    ['of a pid that nobody has', { pid: 2 ** 30, startTime: '1', bootId: bootId() }],
  ])('a record %s is of the dead', (_name, record) => {
    const path = join(tempDirectory(), 'lock');
    writeFileSync(path, JSON.stringify({ ...record, since: 'x', command: 'y' }));
    acquireLock(path, request).release();
  });

  test.each(['', '{"pid":', '\0\0\0\0', '[]', `{"pid":"1"}`])('a record that is torn (%j) is of the dead', (text) => {
    const path = join(tempDirectory(), 'lock');
    writeFileSync(path, text);
    acquireLock(path, request).release();
    expect(readFileSync(path, 'utf8')).toBe('');
  });
});

describe('flock and record together', () => {
  test('who has no flock sees the record of who has', async () => {
    const path = join(tempDirectory(), 'lock');
    const first = await startHolder(path);
    const second = await startHolder(path, { searchPath: NO_FLOCK });
    expect([first.said.kind, second.said.code]).toEqual(['flock', 'LOCK_HELD']);
  });

  test('who has flock sees the record of who has not', async () => {
    const path = join(tempDirectory(), 'lock');
    const first = await startHolder(path, { searchPath: NO_FLOCK });
    const second = await startHolder(path);
    expect([first.said.kind, second.said.code]).toEqual(['record', 'LOCK_HELD']);
  });

  test('a holder whose record cannot be judged here (another container) still holds', async () => {
    const path = join(tempDirectory(), 'lock');
    await startHolder(path);
    // As a process in another pid namespace has written it.
    writeFileSync(path, JSON.stringify({ pid: 2 ** 30, startTime: '1', bootId: bootId(), since: 'x', command: 'y' }));
    expect(() => acquireLock(path, REQUEST)).toThrow(expect.objectContaining({ code: 'LOCK_HELD' }));
  });

  test('a claim that was left by a killed process is not in the way', () => {
    const path = join(tempDirectory(), 'lock');
    writeFileSync(`${path}.claim`, JSON.stringify({ pid: 2 ** 30, startTime: '1', bootId: bootId(), since: 'x', command: 'y' }));
    acquireLock(path, { ...REQUEST, searchPath: NO_FLOCK }).release();
  });

  test('a claim that is being made is', () => {
    const path = join(tempDirectory(), 'lock');
    writeFileSync(`${path}.claim`, '');
    expect(() => acquireLock(path, { ...REQUEST, searchPath: NO_FLOCK })).toThrow(expect.objectContaining({ code: 'LOCK_HELD' }));
  });

  test('a directory that is not there is said', () => {
    expect(() => acquireLock(join(tempDirectory(), 'missing/lock'), REQUEST)).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }));
  });
});

describe.skipIf(!canUnshare)('in containers (needs root and namespaces)', () => {
  test('where every supervisor has pid 1, one holds; when it is killed the next one may', async () => {
    const path = join(tempDirectory(), 'lock');
    const first = await startHolder(path, { within: PID_NAMESPACE });
    expect(first.said).toMatchObject({ kind: 'flock' });
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: 1 });
    const second = await startHolder(path, { within: PID_NAMESPACE });
    expect(second.said).toMatchObject({ code: 'LOCK_HELD' });
    await kill(first.child);
    const third = await startHolder(path, { within: PID_NAMESPACE });
    expect(third.said).toMatchObject({ kind: 'flock' });
  });
});
