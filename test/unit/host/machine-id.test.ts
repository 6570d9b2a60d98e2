import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { machineTag } from '../../../src/host/machine-id.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const ID = '3d1219c7c4c5404aaa1f6d2a48adfda4';

test('six hex digits, the same for the same machine, and not those of its id', () => {
  const directory = tempDirectory();
  const file = join(directory, 'machine-id');
  writeFileSync(file, `${ID}\n`);
  const tag = machineTag([join(directory, 'missing'), file], 'host');
  expect(tag).toMatch(/^[0-9a-f]{6}$/);
  expect(ID).not.toContain(tag);
  expect(machineTag([file], 'other-host')).toBe(tag);
});

test.each(['', 'uninitialized\n', 'not hex'])('an id that is none (%j) makes way for the host name', (text) => {
  const file = join(tempDirectory(), 'machine-id');
  writeFileSync(file, text);
  expect(machineTag([file], 'a')).toBe(machineTag([], 'a'));
  expect(machineTag([file], 'a')).not.toBe(machineTag([file], 'b'));
});
