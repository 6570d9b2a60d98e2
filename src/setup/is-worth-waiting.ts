import type { ErrorCode, SupervisorError } from '../core/errors.js';

/** The network, or Cloudflare, is away: as after a power failure, when this machine is back before its router. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'CLOUDFLARE_UNREACHABLE', 'CLOUDFLARE_THROTTLED', 'EDGE_UNREACHABLE', 'RESOLVER_DEAD', 'CONNECTOR_NOT_READY', 'CONNECTOR_LOST', 'DAEMON_BUSY',
]);

export const isWorthWaiting = (error: SupervisorError): boolean => PASSING.has(error.code);
