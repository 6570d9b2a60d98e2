import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { GivenOptions } from '../../../src/cli/command.js';
import { readReleaseRequest } from '../../../src/cli/release-request.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const read = (from: string): URL | undefined => readReleaseRequest({ options: new GivenOptions({ from }), environment: {} }).from;
const refusal = (message: string): Error => expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(message) as string }) as Error;

test('--from names a file, by path or URL, or where it is on the web', () => {
  const file = join(tempDirectory(), 'cloudflared 1');
  writeFileSync(file, '');
  expect(read(file)).toEqual(pathToFileURL(file));
  expect(read(pathToFileURL(file).href)).toEqual(pathToFileURL(file));
  expect(read('HTTPS://example.com/cloudflared')?.href).toBe('https://example.com/cloudflared');
});

test.each(['ftp://example.com/cloudflared', 's3://bucket/cloudflared', 'FTP://x', 'http://', 'file://elsewhere/cloudflared'])('%s is neither', (from) => {
  expect(() => read(from)).toThrow(refusal(`not "${from}"`));
});

test('a file that cannot be read is refused before anything is begun', () => {
  const directory = tempDirectory();
  const nowhere = join(directory, 'nowhere');
  expect(() => read(nowhere)).toThrow(refusal(`${nowhere} cannot be read: no such file or directory (ENOENT)`));
  expect(() => read(pathToFileURL(nowhere).href)).toThrow(refusal('ENOENT'));
  expect(() => read(directory)).toThrow(refusal(`${directory} is a directory`));
});

test.skipIf(process.geteuid?.() === 0)('a file that this user may not read is refused (not for root, who may)', () => {
  const directory = join(tempDirectory(), 'd');
  mkdirSync(directory);
  const file = join(directory, 'cloudflared');
  writeFileSync(file, '');
  chmodSync(file, 0);
  expect(() => read(file)).toThrow(refusal('permission denied (EACCES)'));
});
