import type { IncomingMessage } from 'node:http';
import { SupervisorError } from '../core/errors.js';

/**
 * Before routing: a web page must not be able to drive the daemon through anything that forwards HTTP to the socket.
 * Pages send Origin or Referer, or come by another name; no client of ours does.
 */
const OWN_HOSTS = new Set(['', 'localhost', 'cloudflared-supervisor']);

/** @throws SupervisorError REQUEST_FORBIDDEN */
export function refuseForeign({ headers, rawHeaders }: Pick<IncomingMessage, 'headers' | 'rawHeaders'>): void {
  if (headers.origin !== undefined) throw new SupervisorError('REQUEST_FORBIDDEN', 'The request has an Origin: it comes from a web page');
  if (headers.referer !== undefined) throw new SupervisorError('REQUEST_FORBIDDEN', 'The request has a Referer: it comes from a web page');
  // Of two, Node shows the first; whatever forwarded the request may have gone by the other.
  if (rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length > 1) throw new SupervisorError('REQUEST_FORBIDDEN', 'The request names two Hosts');
  const host = (headers.host ?? '').toLowerCase().replace(/:\d{1,5}$/, '');
  if (!OWN_HOSTS.has(host)) throw new SupervisorError('REQUEST_FORBIDDEN', 'The request names a foreign Host; the socket answers to localhost only');
}
