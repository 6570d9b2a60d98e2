/** Character classes of RE2 and single characters written as escapes, as text for a JavaScript class (`u` flag). */

/** Its message is what Go's regexp package says. */
export class PatternProblem extends Error {
  override readonly name = 'PatternProblem';

  constructor(what: string, where: string) {
    super(`error parsing regexp: ${what}: \`${where}\``);
  }
}

export const PERL_CLASSES: Readonly<Record<string, string>> = { d: '0-9', s: '\\t\\n\\f\\r ', w: '0-9A-Za-z_' };

const POSIX_CLASSES: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z', alpha: 'A-Za-z', ascii: '\\x00-\\x7f', blank: '\\t ', cntrl: '\\x00-\\x1f\\x7f', digit: '0-9', graph: '!-~', lower: 'a-z',
  print: ' -~', punct: '!-\\/:-@\\[-`\\{-~', space: '\\t\\n\\v\\f\\r ', upper: 'A-Z', word: '0-9A-Za-z_', xdigit: '0-9A-Fa-f',
};

const LETTER_ESCAPES: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** Text that has been read up to `end`. */
export interface Piece<T> {
  readonly value: T;
  readonly end: number;
}

/** A code point, safe in and out of a class. */
export const quotePoint = (point: number): string => `\\u{${point.toString(16)}}`;

const isUsable = (text: string): boolean => {
  try {
    return new RegExp(text, 'u').source !== '';
  } catch {
    // The engine does not know this property.
    return false;
  }
};

/** `\pL`, `\p{Greek}`, `\P{^L}`. Undefined where the text at `start` is none of these. */
export function readProperty(pattern: string, start: number): Piece<string> | undefined {
  const match = /^\\([pP])(?:\{(\^?)([^}]*)\}|([^{]))?/u.exec(pattern.slice(start));
  if (match === null) return undefined;
  const [whole, kind, caret, braced, single] = match;
  const name = braced ?? single ?? '';
  const letter = (kind === 'P') === (caret === '^') ? 'p' : 'P';
  const value = [`\\${letter}{${name}}`, `\\${letter}{Script=${name}}`].find((text) => /^\w+$/u.test(name) && isUsable(text));
  if (value === undefined) throw new PatternProblem('invalid character class range', whole);
  return { value, end: start + whole.length };
}

/** An escape that stands for one character. */
export function readEscape(pattern: string, start: number): Piece<number> {
  const rest = pattern.slice(start);
  if (rest === '\\') throw new PatternProblem('trailing backslash at end of expression', '');
  const octal = /^\\(?:([1-7][0-7]{1,2})|(0[0-7]{0,2}))/u.exec(rest);
  if (octal !== null) return { value: Number.parseInt(octal[1] ?? octal[2] ?? '', 8), end: start + octal[0].length };
  const hex = /^\\x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))/u.exec(rest);
  if (hex !== null) {
    const value = Number.parseInt(hex[1] ?? hex[2] ?? '', 16);
    if (value <= 0x10_ff_ff) return { value, end: start + hex[0].length };
  }
  const point = rest.codePointAt(1) ?? 0;
  const character = String.fromCodePoint(point);
  const end = start + 1 + character.length;
  const letter = LETTER_ESCAPES[character];
  if (letter !== undefined) return { value: letter, end };
  if (point < 0x80 && !/[0-9A-Za-z]/u.test(character)) return { value: point, end };
  const shown = character === 'x' ? (/^\\x(?:\{[0-9A-Fa-f]*\}?|[0-9A-Fa-f]?)/u.exec(rest)?.[0] ?? rest) : rest.slice(0, 1 + character.length);
  throw new PatternProblem('invalid escape sequence', shown);
}

function readPosix(pattern: string, start: number): Piece<string> | undefined {
  const match = /^\[:(\^?)([^:\]]*):\]/u.exec(pattern.slice(start));
  if (match === null) return undefined;
  const [whole, caret, name = ''] = match;
  const characters = POSIX_CLASSES[name];
  if (characters === undefined) throw new PatternProblem('invalid character class range', whole);
  // A class in a class: only the `v` flag could write the negation, so it is spelled by what lies between.
  return { value: caret === '^' ? negate(characters) : characters, end: start + whole.length };
}

/** All but these characters, as ranges. */
function negate(characters: string): string {
  const inside = new RegExp(`[${characters}]`, 'u');
  const ranges: string[] = [];
  let from: number | undefined;
  for (let point = 0; point <= 0x80; point += 1) {
    const isOutside = point === 0x80 || !inside.test(String.fromCodePoint(point));
    if (isOutside) from ??= point;
    else if (from !== undefined) {
      ranges.push(`${quotePoint(from)}-${quotePoint(point - 1)}`);
      from = undefined;
    }
  }
  return `${ranges.join('')}${quotePoint(from ?? 0x80)}-\\u{10ffff}`;
}

function readPoint(pattern: string, start: number): Piece<number> {
  if (pattern[start] === '\\') return readEscape(pattern, start);
  const point = pattern.codePointAt(start) ?? 0;
  return { value: point, end: start + String.fromCodePoint(point).length };
}

/** A perl class, a property, or a POSIX class. */
function readNamed(pattern: string, start: number): Piece<string> | undefined {
  const perl = /^\\([dswDSW])/u.exec(pattern.slice(start))?.[1];
  if (perl !== undefined) {
    const characters = PERL_CLASSES[perl.toLowerCase()] ?? '';
    return { value: perl === perl.toLowerCase() ? characters : negate(characters), end: start + 2 };
  }
  return readProperty(pattern, start) ?? readPosix(pattern, start);
}

/** The class that begins with the bracket at `start`. */
export function readClass(pattern: string, start: number): Piece<string> {
  let index = start + 1;
  const isNegated = pattern[index] === '^';
  if (isNegated) index += 1;
  let body = '';
  for (let isFirst = true; pattern[index] !== ']' || isFirst; isFirst = false) {
    if (index >= pattern.length) throw new PatternProblem('missing closing ]', pattern.slice(start));
    const named = readNamed(pattern, index);
    if (named !== undefined) {
      body += named.value;
      index = named.end;
      continue;
    }
    const low = readPoint(pattern, index);
    let high = low;
    if (pattern[low.end] === '-' && pattern[low.end + 1] !== ']' && low.end + 1 < pattern.length) high = readPoint(pattern, low.end + 1);
    if (high.value < low.value) throw new PatternProblem('invalid character class range', pattern.slice(index, high.end));
    body += high === low ? quotePoint(low.value) : `${quotePoint(low.value)}-${quotePoint(high.value)}`;
    index = high.end;
  }
  return { value: `[${isNegated ? '^' : ''}${body}]`, end: index + 1 };
}
