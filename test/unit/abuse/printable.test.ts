import { afterEach, describe, expect, test, vi } from 'vitest';
import { Output } from '../../../src/cli/output.js';
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

describe('a line for a person', () => {
  const isTTY = Object.getOwnPropertyDescriptor(process.stdout, 'isTTY');
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    if (isTTY === undefined) Reflect.deleteProperty(process.stdout, 'isTTY');
    else Object.defineProperty(process.stdout, 'isTTY', isTTY);
  });

  test.each([[false], [true]])('holds nothing that a terminal obeys but our own colours (terminal: %s)', (terminal) => {
    Object.defineProperty(process.stdout, 'isTTY', { value: terminal, configurable: true });
    vi.stubEnv('NO_COLOR', undefined);
    const written: string[] = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
    const output = new Output(false);
    output.line(`${output.paint('yellow', 'TUNNEL_DELETED')} \u001b]0;owned\u0007 \u001b[2J\u202e`);
    output.table([['name'], ['a\u001b[8mb']]);
    vi.restoreAllMocks();
    const word = terminal ? '\u001b[33mTUNNEL_DELETED\u001b[39m' : 'TUNNEL_DELETED';
    expect(written.join('')).toBe(`${word} \\u{1b}]0;owned\\u{7} \\u{1b}[2J\\u{202e}\n  name\n  a\\u{1b}[8mb\n`);
  });
});
