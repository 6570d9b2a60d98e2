import { SupervisorError } from '../core/errors.js';

/** Every value that goes into a unit or a script passes one of these. */

/** Harmless in all the formats below. */
const PLAIN = /^[\w@+=:,./-]+$/;

/** No format of units and scripts holds a line break or another control character safely, and no path of ours has one. */
function refuseControl(text: string): string {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001F\u007F]/.test(text)) throw new SupervisorError('OPTION_INVALID', `${JSON.stringify(text)} holds a control character, which no unit can`);
  return text;
}

/** One word of a command line in a unit: `%` would be a specifier, `$` a variable. */
export const quoteUnitWord = (text: string): string =>
  PLAIN.test(text) ? text : `"${refuseControl(text).replaceAll(/["\\]/g, String.raw`\$&`).replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;

/** One path in a list of paths in a unit: as above, but no variables are put in there. */
export const quoteUnitPath = (text: string): string =>
  PLAIN.test(text) ? text : `"${refuseControl(text).replaceAll(/["\\]/g, String.raw`\$&`).replaceAll('%', '%%')}"`;

/** A line of a file that systemd reads variables from. */
export const quoteEnvironmentLine = (name: string, value: string): string => `${name}="${refuseControl(value).replaceAll(/["\\`$]/g, String.raw`\$&`)}"`;

/** One word of a shell. */
export const quoteShellWord = (text: string): string => (PLAIN.test(text) ? text : `'${refuseControl(text).replaceAll("'", String.raw`'\''`)}'`);

/**
 * Words that a script keeps in a variable, splits at blanks, and evaluates then, as OpenRC does: what is not plain is
 * named there, and assigned before. Several blanks, and patterns of file names, arrive only so.
 */
export class WordsToEvaluate {
  readonly #assignments: string[] = [];

  /** The value of the variable, quoted for its assignment. */
  refer(words: readonly string[]): string {
    return quoteShellWord(words.map((word) => (PLAIN.test(word) ? word : `"$${this.#assign(word)}"`)).join(' '));
  }

  /** To stand before the words are evaluated. */
  get assignments(): string {
    return this.#assignments.join('\n');
  }

  #assign(word: string): string {
    const name = `word_${this.#assignments.length + 1}`;
    this.#assignments.push(`${name}=${quoteShellWord(word)}`);
    return name;
  }
}
