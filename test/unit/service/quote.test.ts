import { spawnSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { quoteEnvironmentLine, quoteShellWord, quoteUnitPath, quoteUnitWord, WordsToEvaluate } from '../../../src/service/quote.js';

/** Anything but control characters, with a liking for what means something to somebody. */
const text = fc.array(fc.oneof(fc.constantFrom('"', "'", '\\', '$', '`', '%', ' ', '{', '}', ';', '#', '~', '*', '&', '!', 'é', '💚'), fc.string({ unit: 'binary', maxLength: 4 })), { maxLength: 12 })
  .map((parts) => parts.join(''))
  // oxlint-disable-next-line no-control-regex
  .filter((value) => !/[\u0000-\u001F\u007F]/.test(value) && Buffer.from(value).toString() === value);

const shell = (script: string): string => spawnSync('/bin/sh', ['-c', script], { encoding: 'utf8', env: {} }).stdout;

describe('for a shell', () => {
  test('a word arrives as it was', () => {
    fc.assert(fc.property(text, (value) => {
      expect(shell(`printf %s ${quoteShellWord(value)}`)).toBe(value);
    }), { numRuns: 60 });
  });

  test('words that are kept in a variable and evaluated arrive as they were', () => {
    fc.assert(fc.property(fc.array(text, { maxLength: 4 }), (words) => {
      const evaluated = new WordsToEvaluate();
      const kept = evaluated.refer(words);
      expect(shell(`${evaluated.assignments}\nwords=${kept}; eval printf '%s,' $words`)).toBe(words.length === 0 ? ',' : words.map((word) => `${word},`).join(''));
    }), { numRuns: 60 });
  });
});

describe('for systemd', () => {
  test.each([
    ['/usr/bin/node', '/usr/bin/node'],
    ['a b', '"a b"'],
    ['', '""'],
    ['say "hi"', String.raw`"say \"hi\""`],
    ['back\\slash', String.raw`"back\\slash"`],
    ['100%', '"100%%"'],
    ['$HOME ${HOME}', '"$$HOME $${HOME}"'],
  ])('the word %j is %s', (value, expected) => {
    expect(quoteUnitWord(value)).toBe(expected);
  });

  test('in a path nothing is a variable', () => {
    expect(quoteUnitPath('/home/$x y%')).toBe('"/home/$x y%%"');
  });

  test('in a file of variables', () => {
    expect(quoteEnvironmentLine('HTTPS_PROXY', 'http://u:p$"`\\@h')).toBe(String.raw`HTTPS_PROXY="http://u:p\$\"\`\\@h"`);
  });
});

test.each([quoteShellWord, quoteUnitWord, quoteUnitPath, (value: string) => quoteEnvironmentLine('X', value)])('a line break goes into none (%#)', (quote) => {
  for (const value of ['a\nExecStart=/bin/sh', 'a\0b', 'a\rb', '\u{1b}[1m']) expect(() => quote(value)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
});
