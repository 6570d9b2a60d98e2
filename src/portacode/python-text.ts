/** What Portacode's Python makes of values and texts: its messages and times are part of the contract. */

/** What Python takes for false: `value or default` gives the default then. */
export function isFalsy(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === null || value === false || value === 0 || value === '';
}

/** `str(value or "").strip()`. What Portacode would show as a list or an object is no text to us. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value.trim();
  if (typeof value === 'number') return value === 0 ? '' : String(value);
  return value === true ? 'True' : '';
}

/** `int(str(value).strip())`; undefined where Python raises. */
export function integerOf(value: unknown): number | undefined {
  const text = typeof value === 'number' ? String(value) : typeof value === 'string' ? value.trim() : '';
  return /^[+-]?\d+(?:_\d+)*$/.test(text) ? Number(text.replaceAll('_', '')) : undefined;
}

/** `repr(text)`: messages quote what was sent as Python does. */
export function pythonRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let body = '';
  for (const character of text) body += escape(character, quote);
  return quote + body + quote;
}

const NAMED: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
/** What Python does not print: all but the plain space among separators, control and format characters, what is not assigned. */
const UNPRINTABLE = /[\p{C}\p{Z}]/u;

function escape(character: string, quote: string): string {
  const named = NAMED[character];
  if (named !== undefined) return named;
  if (character === quote) return `\\${quote}`;
  if (character === ' ' || !UNPRINTABLE.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  if (code <= 0xff) return `\\x${hex(code, 2)}`;
  return code <= 0xffff ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0');

/** `datetime.now(timezone.utc).isoformat()`, always with its six digits: `2026-01-01T00:00:00.000000+00:00`. */
export const toPythonTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000+00:00');

/** An ISO time of ours as Portacode writes it; what is no time stays as it is. */
export function pythonTimeOf(iso: string): string {
  const ms = Date.parse(iso);
  return Number.isNaN(ms) ? iso : toPythonTime(ms);
}
