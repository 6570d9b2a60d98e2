import { randomUUID } from 'node:crypto';
import { isObject } from '../json.js';

/**
 * JSON as Python writes and reads it: whole numbers of any length, `1.0` that is not `1`, `NaN`. What JavaScript would
 * round, or not read at all, is carried as a marked text and printed as it was written: in files that others write too,
 * what is not ours stays as it is.
 */

/** Nobody who writes a file can know it. */
const MARK = `\u0000${randomUUID()}:`;
const MARKED = new RegExp(`"\\\\u0000${MARK.slice(1)}([^"]+)"`, 'g');

/** A text, or what may be a number; texts are passed over. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|-?Infinity|NaN/gs;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const NO_NUMBER = /^(?:-?Infinity|NaN)$/;

/** @throws SyntaxError where it is no JSON */
export function parseExactJson(text: string): unknown {
  let isInexact = false;
  const marked = text.replaceAll(TOKEN, (token) => {
    if (token.startsWith('"') || !(NO_NUMBER.test(token) || (NUMBER.test(token) && String(Number(token)) !== token))) return token;
    isInexact = true;
    return JSON.stringify(MARK + token);
  });
  if (!isInexact) return JSON.parse(text);
  // A number may stand where a text may not, but not the other way round: a key of an object.
  JSON.parse(text.replaceAll(TOKEN, (token) => (NO_NUMBER.test(token) ? 'null' : token)));
  return JSON.parse(marked);
}

export const printExactJson = (value: unknown, indent?: number): string => JSON.stringify(value, null, indent).replaceAll(MARKED, '$1');

/** As Portacode's `json.dumps(value, indent=2)` lays it out. */
export const toExactFile = (value: object): string => `${printExactJson(value, 2)}\n`;

/** The same with numbers that JavaScript has, for whoever looks into it, or sends it on. */
export function plainNumbers(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith(MARK) ? Number(value.slice(MARK.length)) : value;
  if (Array.isArray(value)) return value.map(plainNumbers);
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plainNumbers(field)])) : value;
}
