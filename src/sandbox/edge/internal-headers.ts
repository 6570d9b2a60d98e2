import type { Header } from './ports.js';

/** The headers in which edge and connector talk to each other, over the heads of visitor and origin. */

export const UPGRADE_HEADER = 'cf-cloudflared-proxy-connection-upgrade';
export const CONTROL_STREAM = 'control-stream';
export const WEBSOCKET = 'websocket';
export const PACKED_HEADERS = 'cf-cloudflared-response-headers';
export const META_HEADER = 'cf-cloudflared-response-meta';

/** Who made an answer: the origin, or cloudflared because the origin did not. */
export const META_ORIGIN = JSON.stringify({ src: 'origin' });
export const META_CONNECTOR = JSON.stringify({ src: 'cloudflared' });

export const EDGE_SERVER_NAME = 'h2.cftunnel.com';

/**
 * An origin's headers as one: HTTP/2 would change or refuse some of them. Name and value in base64 without padding,
 * `:` between them and `;` between pairs.
 */
export function packHeaders(headers: readonly Header[]): string {
  return headers.map(([name, value]) => `${encode(name)}:${encode(value)}`).join(';');
}

/** `undefined` where it is not packed so. */
export function unpackHeaders(packed: string): Header[] | undefined {
  const headers: Header[] = [];
  for (const pair of packed.split(';')) {
    if (pair === '') continue;
    const [name, value, ...rest] = pair.split(':');
    if (name === undefined || value === undefined || rest.length > 0) return undefined;
    headers.push([decode(name), decode(value)]);
  }
  return headers;
}

// Header bytes are what Node calls latin1: each byte one character.
const encode = (text: string): string => Buffer.from(text, 'latin1').toString('base64').replace(/=+$/u, '');
const decode = (text: string): string => Buffer.from(text, 'base64').toString('latin1');

/** Internal ones, which no origin may send: cloudflared leaves them out when it packs. */
export const isControlHeader = (name: string): boolean => /^(?::|cf-int-|cf-cloudflared-|cf-proxy-)/iu.test(name);
