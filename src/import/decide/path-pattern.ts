import { pathOfPattern } from '../../forwarding/path.js';

/** Every path begins with a slash, so each of these finds itself in every path. */
const EVERYTHING: ReadonlySet<string> = new Set(['', '/', '^', '^/', '.*', '^.*', '.*$', '^.*$', '/.*', '^/.*', '/.*$', '^/.*$', '^(/.*)$', '(/.*)', '^/(.*)$', '^/(.*)', '/(.*)']);

/** Ends of a pattern that mean "and then nothing, or a slash", in other words than ours. */
const SEGMENT_ENDS = ['($|/)', '(?:/|$)', '(?:$|/)', '(/.*)?$', '(?:/.*)?$', '(|/.*)$', '(/|$).*'] as const;

/**
 * The path of a rule for cloudflared's regular expression, where it says exactly the same; `everything` is no path at
 * all. Undefined for every other one: that it means a prefix is not for us to guess.
 */
export function prefixOfPattern(pattern: string): { readonly path: string | undefined } | undefined {
  if (EVERYTHING.has(pattern)) return { path: undefined };
  const end = SEGMENT_ENDS.find((text) => pattern.endsWith(text));
  const path = pathOfPattern(end === undefined ? pattern : `${pattern.slice(0, -end.length)}(/|$)`);
  return path === undefined ? undefined : { path };
}
