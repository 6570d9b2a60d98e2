import type { Header } from '../../edge/ports.js';

const UPPER_AFTER = /(^|-)([a-z])/gu;

/** `content-type` as Go writes it: `Content-Type`. A name with odd characters stays as it is. */
export const canonicalName = (name: string): string =>
  /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/u.test(name) ? name.toLowerCase().replace(UPPER_AFTER, (match) => match.toUpperCase()) : name;

/** Name and value by turns, as Node takes and gives raw headers. */
export const flatten = (headers: readonly Header[]): string[] => headers.flatMap(([name, value]) => [name, value]);

export function pairUp(rawHeaders: readonly string[]): Header[] {
  const pairs: Header[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) pairs.push([rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '']);
  return pairs;
}

export const findHeader = (headers: readonly Header[], name: string): string | undefined => headers.find(([candidate]) => candidate.toLowerCase() === name)?.[1];

export const withoutHeaders = (headers: readonly Header[], ...names: readonly string[]): Header[] => headers.filter(([name]) => !names.includes(name.toLowerCase()));

/** What an origin's answer keeps on its way to the edge; framing is each hop's own. */
export function answerHeaders(rawHeaders: readonly string[]): Header[] {
  const headers = withoutHeaders(pairUp(rawHeaders), 'transfer-encoding', 'trailer').map(([name, value]): Header => [canonicalName(name), value]);
  return headers.filter(([name, value]) => name !== 'Connection' || !/\bclose\b/iu.test(value));
}
