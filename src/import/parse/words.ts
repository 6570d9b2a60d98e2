/** A line of a shell or of a unit, cut into words: quotes and backslashes taken away, nothing carried out. */
export interface SplitOptions {
  /** Puts in `$NAME` and `${NAME}`, except in single quotes; a name that is not known is left out, as a shell does. */
  readonly variables?: Readonly<Record<string, string>>;
  /** In a shell an unquoted variable is cut into words of its own; in systemd only `$NAME` as a whole word is. */
  readonly splitVariables?: boolean;
}

const VARIABLE = /^\$(?:\{(\w+)\}|(\w+))/;

/** Undefined where a quote is not closed, or something is meant to be carried out: then nobody knows the words. */
export function splitWords(line: string, { variables = {}, splitVariables = false }: SplitOptions = {}): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote: '"' | "'" | undefined;
  for (let index = 0; index < line.length; index += 1) {
    const character = line[index] ?? '';
    if (character === '`' || line.startsWith('$(', index)) {
      if (quote !== "'") return undefined;
    }
    if (quote === "'") {
      if (character === "'") quote = undefined;
      else word = (word ?? '') + character;
      continue;
    }
    const [reference, braced, bare] = character === '$' ? (VARIABLE.exec(line.slice(index)) ?? []) : [];
    if (reference !== undefined) {
      const value = variables[braced ?? bare ?? ''] ?? '';
      index += reference.length - 1;
      if (quote === undefined && splitVariables) word = pushAll(words, (word ?? '') + value);
      else word = (word ?? '') + value;
    } else if (character === '\\' && index + 1 < line.length) {
      index += 1;
      word = (word ?? '') + (line[index] ?? '');
    } else if (character === quote) {
      quote = undefined;
    } else if (quote === undefined && (character === '"' || character === "'")) {
      quote = character;
      word ??= '';
    } else if (quote === undefined && /\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + character;
    }
  }
  if (quote !== undefined) return undefined;
  return word === undefined ? words : [...words, word];
}

/** All but the last word of the text are whole; the last may go on. */
function pushAll(words: string[], text: string): string | undefined {
  const parts = text.split(/\s+/);
  const last = parts.pop();
  words.push(...parts.filter((part) => part !== ''));
  return last === '' ? undefined : last;
}

/** `NAME=value` lines, as shells, systemd's environment files and `/etc/conf.d` have them. What is no such line is left out. */
export function readAssignments(text: string, known: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const values: Record<string, string> = { ...known };
  for (const line of text.split('\n')) {
    const [, name, value] = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    const [first] = splitWords(value, { variables: values }) ?? [];
    if (first !== undefined || value.trim() === '') values[name] = first ?? '';
  }
  return values;
}
