import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { rotateOwnLog } from '../../../src/daemon/own-log.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

function openLog(path: string): number {
  const descriptor = openSync(path, 'a');
  onTestFinished(() => closeSync(descriptor));
  return descriptor;
}

test('five files are kept, and what is written goes on at the beginning of the first', () => {
  const path = join(tempDirectory(), 'daemon.log');
  const descriptor = openLog(path);
  for (let round = 1; round <= 8; round += 1) {
    writeSync(descriptor, `round ${round}\n`);
    expect(rotateOwnLog({ path, descriptor, maxBytes: 4 })).toBe(true);
  }
  writeSync(descriptor, 'now\n');
  expect(rotateOwnLog({ path, descriptor, maxBytes: 4 })).toBe(false);
  expect(readFileSync(path, 'utf8')).toBe('now\n');
  expect([1, 2, 3, 4].map((number) => readFileSync(`${path}.${number}`, 'utf8'))).toEqual(['round 8\n', 'round 7\n', 'round 6\n', 'round 5\n']);
  expect(readdirSync(join(path, '..'))).toHaveLength(5);
});

test('a log that others keep is left alone', () => {
  const directory = tempDirectory();
  const descriptor = openLog(join(directory, 'theirs'));
  writeSync(descriptor, 'a long line\n');
  openLog(join(directory, 'daemon.log'));
  expect(rotateOwnLog({ path: join(directory, 'daemon.log'), descriptor, maxBytes: 4 })).toBe(false);
  expect(rotateOwnLog({ path: join(directory, 'none.log'), descriptor, maxBytes: 4 })).toBe(false);
  expect(readFileSync(join(directory, 'theirs'), 'utf8')).toBe('a long line\n');
});
