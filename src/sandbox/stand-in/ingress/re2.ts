import { PatternProblem, PERL_CLASSES, quotePoint, readClass, readEscape, readProperty } from './re2-class.js';

/**
 * RE2, which cloudflared matches paths with, as a JavaScript expression: what RE2 refuses is refused in its words, and
 * flags are written out, since JavaScript has none that hold for a part. Only whether it matches is kept, no groups.
 */

interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
  readonly U: boolean;
}

const MAX_REPEATS = 1000;
const REPEAT = /^\{(\d+)(?:(,)(\d*))?\}/u;

class Translator {
  readonly #pattern: string;
  #index = 0;
  #flags: Flags = { i: false, m: false, s: false, U: false };
  #out = '';
  /** What stands before a repetition: nothing, something, or another repetition that begins there. */
  #before: 'nothing' | 'something' | number = 'nothing';
  /** Flags to come back to, where the group's text begins, and how often its content may be repeated at most. */
  readonly #groups: { readonly flags: Flags; readonly from: number; repeats: number }[] = [];
  /** How often the last atom repeats what is in it. */
  #lastRepeats = 1;
  #lastFrom = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  translate(): RegExp {
    while (this.#index < this.#pattern.length) this.#step();
    if (this.#groups.length > 0) throw new PatternProblem('missing closing )', this.#pattern);
    return new RegExp(this.#out, 'u');
  }

  #step(): void {
    const character = this.#pattern[this.#index] ?? '';
    switch (character) {
      case '(':
        return this.#openGroup();
      case ')':
        return this.#closeGroup();
      case '|':
        this.#out += '|';
        this.#before = 'nothing';
        this.#index += 1;
        return undefined;
      case '[': {
        const { value, end } = readClass(this.#pattern, this.#index);
        return this.#atom(this.#foldClass(value), end);
      }
      case '^':
        return this.#atom(this.#flags.m ? '(?:^|(?<=\\n))' : '(?:^)', this.#index + 1);
      case '$':
        return this.#atom(this.#flags.m ? '(?=\\n|$)' : '(?:$)', this.#index + 1);
      case '.':
        return this.#atom(this.#flags.s ? '[^]' : '[^\\n]', this.#index + 1);
      case '*':
      case '+':
      case '?':
        return this.#repeat(character, this.#index + 1);
      case '{':
        return this.#openBrace();
      case '\\':
        return this.#escape();
      default:
        return this.#literal(this.#pattern.codePointAt(this.#index) ?? 0);
    }
  }

  #atom(text: string, end: number, repeats = 1): void {
    this.#lastFrom = this.#out.length;
    this.#out += text;
    this.#index = end;
    this.#before = 'something';
    this.#lastRepeats = repeats;
  }

  #literal(point: number, end = this.#index + String.fromCodePoint(point).length): void {
    const character = String.fromCodePoint(point);
    const [lower, upper] = [character.toLowerCase(), character.toUpperCase()];
    const isFolded = this.#flags.i && lower !== upper && Array.from(lower).length === 1 && Array.from(upper).length === 1;
    this.#atom(isFolded ? `[${quotePoint(lower.codePointAt(0) ?? 0)}${quotePoint(upper.codePointAt(0) ?? 0)}]` : quotePoint(point), end);
  }

  /** Both cases of the ASCII letters of a class; more is not worth it for paths. */
  #foldClass(text: string): string {
    if (!this.#flags.i) return text;
    const inside = new RegExp(text.replace(/^\[\^/u, '['), 'u');
    const letters = Array.from('abcdefghijklmnopqrstuvwxyz').filter((letter) => inside.test(letter) || inside.test(letter.toUpperCase()));
    return text.replace(/\]$/u, `${letters.join('')}${letters.join('').toUpperCase()}]`);
  }

  #repeat(operator: string, end: number, most = 1): void {
    const start = this.#index;
    const isLazy = this.#pattern[end] === '?';
    const stop = isLazy ? end + 1 : end;
    if (this.#before === 'nothing') throw new PatternProblem('missing argument to repetition operator', this.#pattern.slice(start, stop));
    if (this.#before !== 'something') throw new PatternProblem('invalid nested repetition operator', this.#pattern.slice(this.#before, stop));
    const repeats = this.#lastRepeats * Math.max(most, 1);
    if (repeats > MAX_REPEATS) throw new PatternProblem('invalid repeat count', this.#pattern.slice(start, stop));
    // An assertion may be repeated in RE2; JavaScript wants a group around it.
    this.#out = `${this.#out.slice(0, this.#lastFrom)}(?:${this.#out.slice(this.#lastFrom)})${operator}${isLazy === this.#flags.U ? '' : '?'}`;
    this.#index = stop;
    this.#before = start;
    const group = this.#groups.at(-1);
    if (group !== undefined) group.repeats = Math.max(group.repeats, repeats);
  }

  #openBrace(): void {
    const match = REPEAT.exec(this.#pattern.slice(this.#index));
    if (match === null) return this.#literal(0x7b);
    const [whole, low = '0', comma, high = ''] = match;
    const [least, most] = [Number(low), comma === undefined ? Number(low) : high === '' ? -1 : Number(high)];
    if (least > MAX_REPEATS || most > MAX_REPEATS || (most >= 0 && most < least)) throw new PatternProblem('invalid repeat count', whole);
    return this.#repeat(whole, this.#index + whole.length, most < 0 ? least : most);
  }

  #openGroup(): void {
    const rest = this.#pattern.slice(this.#index);
    const named = /^\(\?P?</u.exec(rest);
    if (named !== null) {
      const close = rest.indexOf('>');
      const capture = close === -1 ? rest : rest.slice(0, close + 1);
      if (!/^\(\?P?<\w+>$/u.test(capture)) throw new PatternProblem('invalid named capture', capture);
      return this.#push(capture.length);
    }
    if (!rest.startsWith('(?')) return this.#push(1);
    const flags = /^\(\?([imsU]*)(?:-([imsU]+))?([:)])/u.exec(rest);
    const [whole, on = '', off = '', end] = flags ?? [];
    if (whole === undefined || (on === '' && off === '' && end === ')')) {
      throw new PatternProblem('invalid or unsupported Perl syntax', /^\(\?[imsU]*-?[imsU]*.?/u.exec(rest)?.[0] ?? rest);
    }
    const outer = this.#flags;
    const isOn = (flag: keyof Flags): boolean => !off.includes(flag) && (on.includes(flag) || outer[flag]);
    const inner = { i: isOn('i'), m: isOn('m'), s: isOn('s'), U: isOn('U') };
    if (end === ':') this.#push(whole.length);
    else this.#index += whole.length;
    this.#flags = inner;
    return undefined;
  }

  #push(length: number): void {
    this.#groups.push({ flags: this.#flags, from: this.#out.length, repeats: 1 });
    this.#out += '(?:';
    this.#index += length;
    this.#before = 'nothing';
  }

  #closeGroup(): void {
    const group = this.#groups.pop();
    if (group === undefined) throw new PatternProblem('unexpected )', this.#pattern);
    this.#out += ')';
    this.#flags = group.flags;
    this.#index += 1;
    this.#before = 'something';
    this.#lastFrom = group.from;
    this.#lastRepeats = group.repeats;
    const outer = this.#groups.at(-1);
    if (outer !== undefined) outer.repeats = Math.max(outer.repeats, group.repeats);
  }

  #escape(): void {
    const next = this.#pattern[this.#index + 1] ?? '';
    const end = this.#index + 2;
    if (next === 'A') return this.#atom('(?:^)', end);
    if (next === 'z') return this.#atom('(?:$)', end);
    if (next === 'b' || next === 'B') return this.#atom(`(?:\\${next})`, end);
    if (next === 'Q') return this.#quoted(end);
    const perl = PERL_CLASSES[next.toLowerCase()];
    if (perl !== undefined) return this.#atom(`[${next === next.toLowerCase() ? '' : '^'}${perl}]`, end);
    const property = readProperty(this.#pattern, this.#index);
    if (property !== undefined) return this.#atom(property.value, property.end);
    const { value, end: after } = readEscape(this.#pattern, this.#index);
    return this.#literal(value, after);
  }

  #quoted(start: number): void {
    const close = this.#pattern.indexOf('\\E', start);
    for (const character of this.#pattern.slice(start, close === -1 ? undefined : close)) this.#literal(character.codePointAt(0) ?? 0);
    this.#index = close === -1 ? this.#pattern.length : close + 2;
  }
}

/** Throws a PatternProblem in the words of Go's regexp package. */
export const translatePattern = (pattern: string): RegExp => new Translator(pattern).translate();
