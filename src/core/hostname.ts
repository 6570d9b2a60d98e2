import { isIP } from 'node:net';
import { domainToASCII, domainToUnicode } from 'node:url';
import { parsed, quote, refused, type Parsed } from './parsed.js';

/** A name as it is published: lower case, ASCII, no final dot. */
export interface Hostname {
  readonly hostname: string;
  /** `*.` stands before it. */
  readonly wildcard: boolean;
}

const MAX_NAME_LENGTH = 253;
const MAX_LABEL_LENGTH = 63;
/** Underscores are not in RFC 952, but names with them are in use (`1_598.example.com`) and Cloudflare serves them. */
const ASCII_LABEL = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/;
/** Letters, their marks, digits, hyphens. The joiners are left out: they do not show, and make two names look the same. */
const UNICODE_LABEL = /^[\p{L}\p{M}\p{Nd}\p{Pc}-]+$/u;

/** Parses a name that somebody wants to publish. Refused ones say why in a sentence that names them. */
export function parseHostname(input: string): Parsed<Hostname> {
  if (input === '') return refused('HOSTNAME_REQUIRED', 'hostname is required');
  const invalid = (why: string): Parsed<never> => refused('HOSTNAME_INVALID', `hostname ${quote(input)} ${why}`);
  if (/[\s\p{Cc}]/u.test(input)) return invalid('must not contain blanks or control characters');
  if (input.length > MAX_NAME_LENGTH * 4) return invalid('is too long');
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(input)) return invalid('must be a name, not a URL');
  if (isIP(input.replace(/^\[(.*)\]$/, '$1')) !== 0) return invalid('must be a name, not an IP address');
  if (input.includes(':')) return invalid('must not contain a port');
  if (input.includes('/')) return invalid('must not contain a path; give it as `path`');

  const name = input.replace(/\.$/, '');
  const wildcard = name.startsWith('*.');
  if (name === '*') return invalid('would match every name; a wildcard needs a domain, as in "*.example.com"');
  const bare = wildcard ? name.slice(2) : name;
  if (bare.includes('*')) return invalid('may have one wildcard only, as its whole first label');

  const labels: string[] = [];
  for (const label of bare.split('.')) {
    const ascii = toAsciiLabel(label);
    if (!ascii.ok) return invalid(ascii.message);
    labels.push(ascii.value);
  }
  if (/^\d+$/.test(labels.at(-1) ?? '')) return invalid('must not end in a number: it would be read as an IP address');
  const hostname = (wildcard ? '*.' : '') + labels.join('.');
  if (hostname.length > MAX_NAME_LENGTH) return invalid(`has ${hostname.length} characters in its ASCII form; a name has at most ${MAX_NAME_LENGTH}`);
  return parsed({ hostname, wildcard });
}

/** Whether a published name is the zone itself or lies in it. Both as `parseHostname` gives them. */
export const isInZone = (hostname: string, zone: string): boolean => hostname === zone || hostname.endsWith(`.${zone}`);

/** One label in its ASCII form. The messages go on a sentence that begins with the name. */
export function toAsciiLabel(label: string): Parsed<string> {
  const invalid = (message: string): Parsed<never> => refused('HOSTNAME_INVALID', message);
  if (label === '') return invalid('has an empty label (two dots in a row, or one at the start)');
  const lower = label.toLowerCase();
  const ascii = /^[\0-\x7f]*$/.test(label) ? lower : encodeLabel(label);
  if (ascii === undefined) return invalid(`has the label ${quote(label)}, which is no internationalized label as IDNA has them`);
  if (ascii.length > MAX_LABEL_LENGTH) return invalid(`has a label of ${ascii.length} characters in ASCII form; at most ${MAX_LABEL_LENGTH} are allowed`);
  if (!ASCII_LABEL.test(ascii)) return invalid(`has the label ${quote(label)}; labels are letters, digits, hyphens and underscores, and no hyphen at either end`);
  if (ascii.startsWith('xn--') && !isPunycode(ascii)) return invalid(`has the label ${quote(label)}, which is not valid punycode`);
  return parsed(ascii);
}

/**
 * `domainToASCII` reads its input as the host of a URL: it drops what it does not show, maps look-alikes to ASCII, cuts
 * at slashes and decodes percent signs. So it gets one label of letters and digits at a time, and what it gives must
 * lead back to that very label.
 */
function encodeLabel(label: string): string | undefined {
  const composed = label.normalize('NFC').toLowerCase().normalize('NFC');
  if (!UNICODE_LABEL.test(composed) || composed.normalize('NFKC') !== composed) return undefined;
  const ascii = domainToASCII(composed);
  return ascii.startsWith('xn--') && domainToUnicode(ascii) === composed ? ascii : undefined;
}

function isPunycode(label: string): boolean {
  const unicode = domainToUnicode(label);
  return unicode !== '' && unicode !== label && domainToASCII(label) === label && domainToASCII(unicode) === label;
}
