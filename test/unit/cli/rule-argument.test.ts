import { expect, test } from 'vitest';
import { readFailure } from '../../../src/cli/arguments.js';
import { readHostAndPath } from '../../../src/cli/rule-argument.js';

test.each([
  ['app.example.com', { hostname: 'app.example.com' }],
  ['app.example.com/', { hostname: 'app.example.com' }],
  ['app.example.com/api/v1', { hostname: 'app.example.com', path: '/api/v1' }],
])('%s is a name and a path', (text, expected) => {
  expect(readHostAndPath(text)).toEqual(expected);
});

test.each(['http://app.example.com/api', 'HTTPS://app.example.com/api'])('%s is a URL, and what to write is said', (text) => {
  expect(() => readHostAndPath(text)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID', hint: 'Write app.example.com/api.' }) as Error);
});

test('why a file cannot be read is said without the call and without its name', () => {
  expect(readFailure(new Error("ENOENT: no such file or directory, open '/a, b'"))).toBe('no such file or directory (ENOENT)');
  expect(readFailure(new Error('EISDIR: illegal operation on a directory, read'))).toBe('illegal operation on a directory (EISDIR)');
  expect(readFailure(new Error('something else'))).toBe('something else');
});
