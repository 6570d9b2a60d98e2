import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fillTemplate } from '../../../src/service/fill-template.js';

const DIRECTORY = join(import.meta.dirname, '../../../init-scripts');

describe('fillTemplate', () => {
  test('puts the values in, as often as they are asked for', () => {
    expect(fillTemplate('a={{one}} b={{two}} {{one}}', { one: '1', two: '$& $1 {{x}}' })).toBe('a=1 b=$& $1 {{x}} 1');
  });

  test.each(['{{unknown}}', '{{}}', '{{ one }}', '{{constructor}}', '{{one-two}}'])('%s is a mistake', (template) => {
    expect(() => fillTemplate(`${template} {{one}}`, { one: '1' })).toThrow(/nothing is given for the placeholder/);
  });

  test('so is a value that nobody asks for', () => {
    expect(() => fillTemplate('{{one}}', { one: '1', two: '2' })).toThrow('there is no placeholder for two');
  });

  test('any value stands there as it is', () => {
    fc.assert(fc.property(fc.string(), (value) => {
      expect(fillTemplate('<{{one}}>', { one: value })).toBe(`<${value}>`);
    }));
  });
});

test.each(readdirSync(DIRECTORY).filter((name) => name !== 'container-entrypoint.sh'))('%s has no brace that could be a forgotten placeholder', (name) => {
  const text = readFileSync(join(DIRECTORY, name), 'utf8');
  expect(text.match(/\{\{[^}]*\}\}?|\{\{?[A-Za-z]+\}\}/g)?.filter((found) => !/^\{\{[A-Za-z]+\}\}$/.test(found)) ?? []).toEqual([]);
});
