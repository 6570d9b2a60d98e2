import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const PROGRAM = join(import.meta.dirname, '../../fixtures/host/storage-faults.mjs');
const canMount = process.geteuid?.() === 0 && spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs -o size=64k tmpfs /mnt']).status === 0;

interface Outcome {
  readonly during: Readonly<Record<string, string>>;
  readonly kept: { readonly ledger: string[]; readonly revision: number; readonly temporaries: string[] };
  readonly after: Readonly<Record<string, unknown>>;
  readonly seqs: number[];
  readonly lost: number;
}

function run(prepare: string, fault: string): Outcome {
  const directory = tempDirectory();
  const script = prepare.replaceAll('%', directory);
  const { stdout, stderr, status } = spawnSync('sh', ['-c', `${script}exec "$@"`, 'sh', process.execPath, PROGRAM, directory, fault], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Outcome;
}

/** The mount is gone with the process, whatever becomes of it. */
const onTmpfs = (options: string, fault: string): Outcome => run(`[ -n "$INNER" ] || exec env INNER=1 unshare -m sh -c 'mount -t tmpfs -o ${options} tmpfs % && exec "$@"' sh "$@"; `, fault);

/** Nothing is half done while it lasts, and all works when it is over. */
function expectClean(outcome: Outcome, code: string): void {
  expect(outcome.kept).toEqual({ ledger: ['old'], revision: 1, temporaries: [] });
  expect(outcome.after).toMatchObject({
    seen: { text: 'old' }, stored: ['old'], current: 1,
    document: 'done', ledger: 'done', revision: 'done', journal: 'done',
  });
  expect(Object.values(outcome.during).every((one) => one === code || one === 'done')).toBe(true);
}

describe.skipIf(!canMount)('a file system that fails (needs root and mounts)', () => {
  test('a full disk', () => {
    const outcome = onTmpfs('size=256k', 'full');
    expectClean(outcome, 'DISK_FULL');
    expect(outcome.during).toEqual({ document: 'DISK_FULL', ledger: 'DISK_FULL', revision: 'DISK_FULL', journal: 'DISK_FULL', open: 'DISK_FULL', credentials: 'done' });
    // The line that broke off is not there, and the next one stands where it began.
    expect(outcome.after['entries']).toEqual([['c', [{ step: 0, phase: 'begun' }, { step: 1, phase: 'begun' }]]]);
    expect(outcome.seqs).toContain(3);
  });

  test('no inodes', () => {
    const outcome = onTmpfs('size=4m,nr_inodes=40', 'inodes');
    expectClean(outcome, 'DISK_FULL');
    expect(outcome.during).toEqual({ document: 'DISK_FULL', ledger: 'DISK_FULL', revision: 'DISK_FULL', journal: 'done', open: 'DISK_FULL', credentials: 'done' });
  });

  test('a read-only file system', () => {
    const outcome = onTmpfs('size=4m', 'read-only');
    expectClean(outcome, 'STORAGE_READONLY');
    expect(outcome.during).toEqual({ document: 'STORAGE_READONLY', ledger: 'STORAGE_READONLY', revision: 'STORAGE_READONLY', journal: 'STORAGE_READONLY', open: 'STORAGE_READONLY', credentials: 'done' });
  });
});

test('no descriptors', () => {
  const outcome = run('ulimit -n 128; ', 'descriptors');
  expectClean(outcome, 'DESCRIPTORS_EXHAUSTED');
  // The journal and the events have theirs open already.
  expect(outcome.during).toEqual({ document: 'DESCRIPTORS_EXHAUSTED', ledger: 'DESCRIPTORS_EXHAUSTED', revision: 'DESCRIPTORS_EXHAUSTED', journal: 'done', open: 'DESCRIPTORS_EXHAUSTED', credentials: 'DESCRIPTORS_EXHAUSTED' });
  expect([outcome.seqs, outcome.lost]).toEqual([[1, 2, 3], 0]);
});
