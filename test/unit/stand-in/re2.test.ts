import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { translatePattern } from '../../../src/sandbox/stand-in/ingress/re2.js';

describe('RE2 patterns', () => {
  test.each<[pattern: string, matching: string[], others: string[]]>([
    ['^/api(/|$)', ['/api', '/api/', '/api/x'], ['/apix', '/x/api', '']],
    ['api', ['/x/api/y', 'api'], ['/ap/i']],
    ['(?i)^/Straße', ['/STRAßE', '/straße'], ['/strasse']],
    ['(?i:a)b', ['ab', 'Ab'], ['aB', 'AB']],
    ['(?i)a(?-i)b', ['ab', 'Ab'], ['aB']],
    ['(?i)[a-c]x', ['Bx', 'bX'], ['dx']],
    ['(?i)[^a]$', ['b', 'B'], ['a', 'A']],
    ['a.b', ['axb'], ['a\nb']],
    ['(?s)a.b', ['a\nb'], []],
    ['(?m)^b$', ['a\nb\nc', 'b'], ['ab']],
    ['^b$', ['b'], ['a\nb\nc']],
    ['\\Aa\\z', ['a'], ['a\n', 'ba']],
    ['\\Qa.b\\E', ['a.b'], ['axb']],
    ['\\Q(', ['('], ['x']],
    ['[[:alpha:]]+[[:^digit:]]', ['ab', 'aé'], ['a1', '1']],
    ['^[\\d\\-x]+$', ['1-x'], ['y']],
    ['^[^\\D]+$', ['12'], ['a']],
    ['^\\s$', [' ', '\t'], ['\u00a0', '\v']],
    ['^\\w+$', ['a_1'], ['é']],
    ['\\x41\\x{1f600}\\103', ['A😀C'], []],
    ['^\\pL\\p{Greek}\\PL$', ['aω1'], ['1ω1', 'aω a']],
    ['x{2,3}y', ['xxy', 'xxxxy'], ['xy']],
    ['x{,2}', ['x{,2}'], ['xx']],
    ['{', ['{'], []],
    ['^*a', ['a', 'ba'], ['b']],
    ['(?P<n>a)(?P<n>b)', ['ab'], []],
    ['(?U)a+?', ['a'], []],
    ['[]a]', [']', 'a'], ['b']],
    ['[a-]', ['-', 'a'], ['b']],
    ['\\b1\\b', ['a 1 b'], ['a1']],
  ])('%s', (pattern, matching, others) => {
    const regexp = translatePattern(pattern);
    for (const text of matching) expect(regexp.test(text), text).toBe(true);
    for (const text of others) expect(regexp.test(text), text).toBe(false);
  });

  test.each(['a{2}{3}', '(?z)', '(?<=a)', '\\8', '[b-a]', '(a', 'a)', '[', '\\', '(x{1000}){2}', '\\p{Nothing}', '[[:nothing:]]'])('%s is refused', (pattern) => {
    expect(() => translatePattern(pattern)).toThrow(/^error parsing regexp: /u);
  });

  /** Patterns that RE2 and JavaScript understand alike. */
  const shared = fc.letrec<{ atom: string; piece: string; pattern: string }>((tie) => ({
    atom: fc.oneof(fc.constantFrom('a', 'b', 'é', '/', '.', '\\d', '\\.', '[ab]', '[^a]', '[a-c]', '^', '$', '\\b', '\\n'), tie('pattern').map((inner) => `(?:${inner})`)),
    piece: fc.tuple(tie('atom'), fc.constantFrom('', '', '*', '+', '?', '{2}', '{0,2}', '*?', '+?')).map(([atom, times]) => (/^[\^$]$|^\\b$/u.test(atom) ? atom : atom + times)),
    pattern: fc.array(fc.oneof({ maxDepth: 3 }, tie('piece'), fc.constant('|')), { maxLength: 5 }).map((parts) => parts.join('')),
  })).pattern;

  test('match as JavaScript matches what both understand', () => {
    fc.assert(
      fc.property(shared, fc.array(fc.constantFrom('a', 'b', 'c', 'é', '/', '.', '1', '\n', 'ab'), { maxLength: 6 }).map((parts) => parts.join('')), (pattern, text) => {
        // A dot leaves out more line ends in JavaScript than in RE2; none of those is in the text.
        expect(translatePattern(pattern).test(text)).toBe(new RegExp(pattern, 'u').test(text));
      }),
      { numRuns: 2000 },
    );
  });

  test('whatever is written either becomes an expression or is refused in RE2 words', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '\\', '[', ']', '(', ')', '?', ':', '^', '-', '{', '}', '1', ',', '*', 'Q', 'E', 'p', 'P', '<', '>', 'x', 'é', '😀', '|', '.', 'z', 'd') }), (pattern) => {
        try {
          translatePattern(pattern).test('abc');
        } catch (error) {
          expect(String(error)).toMatch(/^PatternProblem: error parsing regexp: /u);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
