import { parsed, quote, refused, type Parsed } from '../core/parsed.js';
import { UNWRITABLE } from '../core/unwritable.js';

/**
 * The path of a rule: a prefix by segment. `/api` is `/api` and all below it, and not `/apiary`. It is typed as in a
 * browser's address line; cloudflared compares the decoded path, so the pattern is made of the decoded one.
 */

const MAX_LENGTH = 1024;
const ENCODED_IN_PATHS = /[^A-Za-z0-9._~!$&'()*+,;=:@/-]+/gu;

/** The normalized path; undefined for `/`, which is everything. */
export function parsePath(input: string): Parsed<string | undefined> {
  const invalid = (why: string): Parsed<never> => refused('PATH_INVALID', `path ${quote(input)} ${why}`);
  if (!input.startsWith('/')) return invalid('must begin with /');
  if (input.length > MAX_LENGTH) return invalid(`is longer than ${MAX_LENGTH} characters`);
  if (/[?#]/.test(input)) return invalid('must not have a query or fragment');
  if (/\s/.test(input)) return invalid('must not contain blanks; write %20');
  if (/%2f|%5c|\\/i.test(input)) return invalid('must not contain backslashes or encoded slashes');
  const decoded = decode(input);
  if (decoded === undefined) return invalid('has a percent sign that is followed by no encoded character');
  if (UNWRITABLE.test(decoded)) return invalid('must not contain control characters');
  const path = decoded.replace(/\/$/, '');
  if (path === '') return parsed(undefined);
  for (const segment of path.slice(1).split('/')) {
    if (segment === '') return invalid('must not have two slashes in a row');
    if (segment === '.' || segment === '..') return invalid('must not have the segments . or ..: no request arrives with them');
  }
  return parsed(path.replaceAll(ENCODED_IN_PATHS, (text) => encodeURIComponent(text)));
}

/** cloudflared's regular expression (RE2, found anywhere in the decoded path) for a normalized path. */
export function pathPattern(path: string): string {
  return `^${(decode(path) ?? path).replaceAll(/[\\.+*?()|[\]{}^$]/g, '\\$&')}(/|$)`;
}

/** The normalized path that a pattern of `pathPattern` was made of; undefined for any other pattern. */
export function pathOfPattern(pattern: string): string | undefined {
  const body = /^\^(\/.*)\(\/\|\$\)$/s.exec(pattern)?.[1];
  if (body === undefined) return undefined;
  const path = parsePath(body.replaceAll(/\\(.)/gs, '$1').replaceAll(ENCODED_IN_PATHS, (text) => encodeURIComponent(text)));
  return path.ok && path.value !== undefined && pathPattern(path.value) === pattern ? path.value : undefined;
}

function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined; // a stray percent sign, or bytes that are no UTF-8
  }
}
