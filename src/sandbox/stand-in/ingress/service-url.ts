import { Failure } from '../failure.js';
import { goQuote } from '../go-quote.js';

/** A service's URL taken apart as Go's url.Parse does it, which accepts more than one would think. */
export interface ServiceUrl {
  readonly scheme: string;
  /** Without port and brackets. */
  readonly hostname: string;
  /** As written. */
  readonly port: string;
  /** Host and port as written. */
  readonly host: string;
  readonly path: string;
  /** The scheme in lower case, the rest as written. */
  readonly text: string;
}

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/u;
const HOST_CHARACTER = /[A-Za-z0-9\-._~!$&'()*+,;=:[\]<>"%\u0080-\u{10ffff}]/u;
const USER_CHARACTERS = /^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/u;

const problem = (url: string, what: string): Failure => new Failure(`parse ${goQuote(url)}: ${what}`);

function checkEscapes(url: string, text: string, allowed: RegExp): void {
  for (const [escape] of text.matchAll(/%.{0,2}/gsu)) {
    if (!allowed.test(escape)) throw problem(url, `invalid URL escape ${goQuote(escape)}`);
  }
}

const ANY_ESCAPE = /^%[0-9A-Fa-f]{2}$/u;
const ZONE_ESCAPE = /^%25$/u;
const NON_ASCII_ESCAPE = /^%[89A-Fa-f][0-9A-Fa-f]$/u;

function splitPort(url: string, host: string): { readonly hostname: string; readonly port: string } {
  const isBracketed = host.startsWith('[');
  const close = isBracketed ? host.lastIndexOf(']') : -1;
  if (isBracketed && close === -1) throw problem(url, "missing ']' in host");
  const colon = isBracketed ? close + 1 : host.indexOf(':');
  const tail = colon === -1 ? '' : host.slice(colon);
  if (!/^(?::\d*)?$/u.test(tail)) throw problem(url, `invalid port ${goQuote(tail)} after host`);
  return { hostname: isBracketed ? host.slice(1, close) : host.slice(0, host.length - tail.length), port: tail.slice(1) };
}

/** Throws a Failure with the words of Go. */
export function parseServiceUrl(url: string): ServiceUrl {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/u.test(url)) throw problem(url, 'net/url: invalid control character in URL');
  if (url.startsWith(':')) throw problem(url, 'missing protocol scheme');
  const written = SCHEME.exec(url)?.[1] ?? '';
  const scheme = written.toLowerCase();
  const rest = written === '' ? url : url.slice(written.length + 1);
  const [beforeFragment = '', fragment = ''] = rest.split(/#(.*)/su);
  checkEscapes(url, fragment, ANY_ESCAPE);
  const hierarchy = beforeFragment.split('?')[0] ?? '';
  if (!hierarchy.startsWith('/') && scheme === '' && (hierarchy.split('/')[0] ?? '').includes(':')) {
    throw problem(url, 'first path segment in URL cannot contain colon');
  }
  const hasAuthority = hierarchy.startsWith('//') && (scheme !== '' || !hierarchy.startsWith('///'));
  const authority = hasAuthority ? (hierarchy.slice(2).split('/')[0] ?? '') : '';
  const isOpaque = scheme !== '' && !hierarchy.startsWith('/');
  const path = isOpaque ? '' : hasAuthority ? hierarchy.slice(2 + authority.length) : hierarchy;
  const at = authority.lastIndexOf('@');
  const host = authority.slice(at + 1);
  const { hostname, port } = splitPort(url, host);
  const isAddress = host.startsWith('[');
  checkEscapes(url, host, isAddress ? ZONE_ESCAPE : NON_ASCII_ESCAPE);
  const odd = Array.from(host).find((character) => !HOST_CHARACTER.test(character));
  if (odd !== undefined) throw problem(url, `invalid character ${goQuote(odd)} in host name`);
  if (isAddress && !/^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%.*)?$/u.test(hostname)) throw problem(url, `invalid host: ParseAddr(${goQuote(hostname)}): unable to parse IP`);
  if (at !== -1 && !USER_CHARACTERS.test(authority.slice(0, at))) throw problem(url, 'net/url: invalid userinfo');
  checkEscapes(url, path, ANY_ESCAPE);
  return { scheme, hostname, port, host, path, text: written === '' ? url : `${scheme}:${rest}` };
}
