import { expect, test } from 'vitest';
import { printable } from '../../../src/cli/printable.js';

test.each([
  ['a window title', '\u001b]0;owned\u0007x', '\\u{1b}]0;owned\\u{7}x'],
  ['colours', '\u001b[31mred', '\\u{1b}[31mred'],
  ['the one-byte introducer', '\u009b31m', '\\u{9b}31m'],
  ['overwriting the line', 'good\rbad', 'good\\u{d}bad'],
  ['writing backwards', 'a\u202eb\u2066c', 'a\\u{202e}b\\u{2066}c'],
  ['text of people', 'Zürich 東京\n\t👍 é', 'Zürich 東京\n\t👍 é'],
])('%s', (_name, text, shown) => {
  expect(printable(text)).toBe(shown);
});
