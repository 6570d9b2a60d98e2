import { isIP } from 'node:net';
import type { Destination } from '../core/rule.js';

/** No public authority certifies an address, a device or localhost: verifying would refuse every such origin. */
export function cannotBeCertified(destination: Destination): boolean {
  if (destination.kind === 'device') return destination.scheme === 'https';
  const { scheme, host } = destination;
  return (scheme === 'https' || scheme === 'wss') && host !== undefined && (isIP(host) !== 0 || host === 'localhost');
}
