import { randomBytes } from 'node:crypto';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { UPGRADE_HEADER, WEBSOCKET } from './internal-headers.js';
import { plainAddress } from './ip-address.js';
import type { Header } from './ports.js';

/** Headers of one hop, which no proxy passes on; `expect` is answered by Node. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings', 'expect', 'host']);

/** What a visitor may not say: it is for the edge to say, or meant for the connector. */
const isReserved = (name: string): boolean => name.startsWith('cf-') || name === 'x-forwarded-proto';

/** Sixteen hex digits and the airport, as in `CF-Ray`. */
export const newRay = (location: string): string => `${randomBytes(8).toString('hex')}-${location}`;

/** A visitor's request as the connector gets it, with what Cloudflare adds. */
export function toTunnelHeaders(request: IncomingMessage, host: string, ray: string, kind: 'http' | 'websocket'): OutgoingHttpHeaders {
  // Without a prototype: visitors choose the names.
  const headers = Object.create(null) as OutgoingHttpHeaders;
  headers[':method'] = request.method ?? 'GET';
  headers[':scheme'] = 'http';
  headers[':authority'] = host;
  headers[':path'] = toPath(request.url ?? '/');
  for (const [name, value] of pairs(request.rawHeaders)) {
    const key = name.toLowerCase();
    if (!HOP_BY_HOP.has(key) && !isReserved(key)) append(headers, key, value);
  }
  const visitor = plainAddress(request.socket.remoteAddress);
  append(headers, 'x-forwarded-for', visitor, ',');
  append(headers, 'cdn-loop', 'cloudflare; loops=1');
  headers['x-forwarded-proto'] = 'http';
  headers['cf-connecting-ip'] = visitor;
  headers['cf-ipcountry'] = 'XX';
  headers['cf-ray'] = ray;
  headers['cf-visitor'] = JSON.stringify({ scheme: 'http' });
  if (kind === 'websocket') headers[UPGRADE_HEADER] = WEBSOCKET;
  return headers;
}

/** An origin's headers as the visitor gets them: what Node's `writeHead` takes. `upgrade` keeps those of the new protocol. */
export function toVisitorHeaders(originHeaders: readonly Header[], ray: string, kind: 'answer' | 'upgrade'): string[] {
  const passed = originHeaders.filter(([name]) => {
    const key = name.toLowerCase();
    if (key === 'server' || key === 'cf-ray') return false;
    return !HOP_BY_HOP.has(key) || (kind === 'upgrade' && (key === 'connection' || key === 'upgrade'));
  });
  return [...passed.flat(), 'Server', 'cloudflare', 'CF-Ray', ray];
}

export const findHeader = (headers: readonly Header[], name: string): string | undefined => headers.find(([candidate]) => candidate.toLowerCase() === name)?.[1];

function* pairs(raw: readonly string[]): Generator<Header> {
  for (let index = 0; index + 1 < raw.length; index += 2) yield [raw[index] ?? '', raw[index + 1] ?? ''];
}

/** A visitor that takes us for a proxy asks with the whole URL. */
const toPath = (url: string): string => url.replace(/^https?:\/\/[^/?#]*\/?/iu, '/');

/** A repeated header becomes a list, as HTTP allows: Node refuses to repeat some of them in HTTP/2. */
function append(headers: OutgoingHttpHeaders, key: string, value: string, separator = key === 'cookie' ? '; ' : ', '): void {
  const before = headers[key];
  headers[key] = before === undefined ? value : `${String(before)}${separator}${value}`;
}
