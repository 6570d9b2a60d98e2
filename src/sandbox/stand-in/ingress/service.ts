import { Failure } from '../failure.js';
import { goQuote } from '../go-quote.js';
import { parseServiceUrl } from './service-url.js';

/** Where a rule leads. `text` is how cloudflared prints it. */
export type Service = { readonly text: string } & (
  | { readonly kind: 'http'; readonly isSecure: boolean; readonly hostname: string; readonly port: number }
  | { readonly kind: 'unix'; readonly isSecure: boolean; readonly path: string }
  | { readonly kind: 'status'; readonly code: number }
  | { readonly kind: 'hello-world' }
  | { readonly kind: 'socks-proxy' }
  /** Bytes in the messages of a WebSocket; a bastion lets the visitor name the destination. */
  | { readonly kind: 'stream'; readonly hostname: string; readonly port: number }
  | { readonly kind: 'bastion' }
);

const STREAM_PORTS: Readonly<Record<string, number>> = { ssh: 22, rdp: 3389, smb: 445, tcp: 7864 };
const HTTP_SCHEMES = new Set(['http', 'https', 'ws', 'wss']);

function statusService(text: string, code: string): Service {
  if (!/^[+-]?\d+$/u.test(code)) throw new Failure(`invalid HTTP status code: strconv.Atoi: parsing ${goQuote(code)}: invalid syntax`);
  const status = Number(code);
  if (status < 100 || status > 999) throw new Failure(`invalid HTTP status code: ${status}`);
  return { kind: 'status', code: status, text };
}

function urlService(text: string): Service {
  const url = parseServiceUrl(text);
  if (url.scheme === '' || url.hostname === '') throw new Failure(`${text} is an invalid address, please make sure it has a scheme and a hostname`);
  if (url.path !== '') {
    throw new Failure(
      `${text} is an invalid address, ingress rules don't support proxying to a different path on the origin service. ` +
        "The path will be the same as the eyeball request's path",
    );
  }
  if (HTTP_SCHEMES.has(url.scheme)) {
    const isSecure = url.scheme === 'https' || url.scheme === 'wss';
    return { kind: 'http', isSecure, hostname: url.hostname, port: url.port === '' ? (isSecure ? 443 : 80) : Number(url.port), text: url.text };
  }
  const standard = STREAM_PORTS[url.scheme];
  const host = url.port === '' && standard !== undefined ? `${url.host.replace(/:$/u, '')}:${standard}` : url.host;
  return { kind: 'stream', hostname: url.hostname, port: url.port === '' ? (standard ?? 0) : Number(url.port), text: `${url.scheme}://${host}` };
}

/** Throws a Failure with cloudflared's words. */
export function parseService(text: string, isBastion: boolean): Service {
  const after = (prefix: string): string | undefined => (text.startsWith(prefix) ? text.slice(prefix.length) : undefined);
  const path = after('unix:');
  if (path !== undefined) return { kind: 'unix', isSecure: false, path, text };
  const securePath = after('unix+tls:');
  if (securePath !== undefined) return { kind: 'unix', isSecure: true, path: securePath, text };
  const code = after('http_status:');
  if (code !== undefined) return statusService(text, code);
  if (text === 'hello_world' || text === 'hello-world') return { kind: 'hello-world', text: 'hello_world' };
  if (text === 'socks-proxy') return { kind: 'socks-proxy', text };
  if (text === 'bastion' || isBastion) return { kind: 'bastion', text: 'bastion' };
  return urlService(text);
}
