import { styleText } from 'node:util';
import type { SupervisorError } from '../core/errors.js';
import type { Warning } from '../core/dns.js';
import { describeFailure } from './problem-words.js';
import { printable } from './printable.js';

/** Those that are used. */
type Style = 'green' | 'yellow' | 'red' | 'dim';

/**
 * What a command says. With `--json`, standard output holds JSON lines and nothing else; without, it holds what a
 * person asked for. Progress goes to standard error, and only where that is a terminal.
 */
export class Output {
  readonly json: boolean;
  readonly #colours: boolean;
  readonly #live: boolean;
  readonly #readerGone = new AbortController();
  #progressShown = false;

  constructor(json: boolean) {
    this.json = json;
    this.#colours = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
    this.#live = process.stderr.isTTY && !json;
  }

  /** `| head` has seen enough: what only shows ends then; a change goes on to its end, unseen. */
  get readerGone(): AbortSignal {
    return this.#readerGone.signal;
  }

  /** From now on a reader that leaves is no failure of this program. */
  outliveReader(): void {
    process.stdout.on('error', () => this.#readerGone.abort());
    process.stderr.on('error', () => undefined);
  }

  /** One line for a person; nothing with `--json`. Whatever text of others is in it, a terminal obeys no more than our colours. */
  line(text = ''): void {
    if (this.json) return;
    this.clearProgress();
    process.stdout.write(`${this.#colours ? printableBetweenColours(text) : printable(text)}\n`);
  }

  /** One JSON line; nothing without `--json`. */
  value(value: unknown): void {
    if (this.json) process.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** Replaces the one progress line on a terminal. */
  progress(text: string): void {
    if (!this.#live) return;
    const width = process.stderr.columns > 0 ? process.stderr.columns : 80;
    process.stderr.write(`\r\u{1b}[K${printable(text).slice(0, width - 1)}`);
    this.#progressShown = true;
  }

  clearProgress(): void {
    if (!this.#progressShown) return;
    process.stderr.write('\r\u{1b}[K');
    this.#progressShown = false;
  }

  warn(warnings: readonly Warning[]): void {
    if (this.json) return;
    for (const warning of warnings) {
      this.clearProgress();
      process.stderr.write(`${this.paint('yellow', 'warning')} ${printable(warning.message)} (${warning.code})\n`);
    }
  }

  /** An error is a JSON line on standard output, or a few lines on standard error. */
  fail(error: SupervisorError): void {
    if (this.json) {
      this.value(error.toBody());
      return;
    }
    this.clearProgress();
    const { message, problems } = describeFailure(error);
    const lines = [...problems.map((problem) => `- ${problem}`), error.hint].map((line) => `  ${printable(line)}\n`);
    process.stderr.write(`${this.paint('red', 'error')} ${printable(message)} (${error.code})\n${lines.join('')}`);
  }

  paint(style: Style, text: string): string {
    return this.#colours ? styleText(style, text) : text;
  }

  /** Columns, aligned; the first row is the head. */
  table(rows: readonly (readonly string[])[]): void {
    const widths: number[] = [];
    for (const row of rows) for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
    for (const row of rows) {
      this.line(`  ${row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  ')}`.trimEnd());
    }
  }
}

/** What `paint` puts around a word: green, yellow, red and dim, and their ends. */
const COLOURS = new RegExp(String.raw`(${'\u{1b}'}\[(?:3[1-3]|39|2|22)m)`, 'u');

const printableBetweenColours = (text: string): string => text.split(COLOURS).map((part) => (COLOURS.test(part) ? part : printable(part))).join('');
