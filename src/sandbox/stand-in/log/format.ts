import { goQuote } from '../go-quote.js';
import type { Level, LogEvent } from './logger.js';

const LETTERS: Readonly<Record<Level, string>> = { debug: 'DBG', info: 'INF', warn: 'WRN', error: 'ERR', fatal: 'FTL', panic: 'PNC', disabled: '???' };

const paint = (code: number, text: string): string => `\u001b[${code}m${text}\u001b[0m`;
const COLOURS: Readonly<Record<Level, (text: string) => string>> = {
  debug: (text) => paint(33, text),
  info: (text) => paint(32, text),
  warn: (text) => paint(31, text),
  error: (text) => paint(1, paint(31, text)),
  fatal: (text) => paint(1, paint(31, text)),
  panic: (text) => paint(1, paint(31, text)),
  disabled: (text) => text,
};

/** Go's JSON leaves no `<`, `>` and `&` as they are. */
const toJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[<>&\u2028\u2029]/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

const NEEDS_QUOTES = /[\u0000- "\\\u007f-\uffff]/u; // oxlint-disable-line no-control-regex -- control characters are what is looked for

function fieldText(value: unknown): string {
  if (typeof value !== 'string') return toJson(value);
  return NEEDS_QUOTES.test(value) ? goQuote(value) : value;
}

const isError = (name: string): number => (name === 'error' ? 0 : 1);

/** One line for people: time, level, message, the error, the other fields by name. */
export function formatForPeople(event: LogEvent, isColoured: boolean): string {
  const names = Object.keys(event.fields).sort((a, b) => isError(a) - isError(b) || (a < b ? -1 : 1));
  const fields = names.map((name) => {
    const text = fieldText(event.fields[name]);
    if (!isColoured) return `${name}=${text}`;
    return name === 'error' ? `${paint(31, 'error=')}${paint(31, text)}` : `${paint(36, `${name}=`)}${text}`;
  });
  const time = isColoured ? paint(90, event.time) : event.time;
  const level = isColoured ? COLOURS[event.level](LETTERS[event.level]) : LETTERS[event.level];
  return `${[time, level, event.message, ...fields].filter((part) => part !== '').join(' ')}\n`;
}

/** One JSON object, its keys sorted: what `--output json` writes. */
export function formatAsJson(event: LogEvent): string {
  const all: Record<string, unknown> = { ...event.fields, level: event.level, time: event.time, ...(event.message === '' ? {} : { message: event.message }) };
  return `{${Object.keys(all).sort().map((key) => `${toJson(key)}:${toJson(all[key])}`).join(',')}}\n`;
}

/** One JSON object, its keys as they came: what a log file holds, whatever `--output` says. */
export const formatForFile = (event: LogEvent): string =>
  `${toJson({ level: event.level, ...event.fields, time: event.time, ...(event.message === '' ? {} : { message: event.message }) })}\n`;
