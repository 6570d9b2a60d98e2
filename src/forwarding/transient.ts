import { SupervisorError, type ErrorCode } from '../core/errors.js';

/** Failures of what is away or full now, and may be there again later without anybody asking differently. */
const TRANSIENT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CLOUDFLARE_UNREACHABLE', 'CLOUDFLARE_THROTTLED', 'CLOUDFLARE_UNEXPECTED',
  'EDGE_UNREACHABLE', 'EDGE_REFUSED', 'RESOLVER_DEAD',
  'CONNECTOR_NOT_READY', 'CONNECTOR_LOST', 'CONNECTOR_CRASHED', 'METRICS_PORT_TAKEN', 'MEMORY_EXHAUSTED', 'PROCESS_LIMIT', 'DESCRIPTORS_EXHAUSTED',
  'BINARY_MISSING', 'BINARY_UNUSABLE', 'DISK_FULL', 'STORAGE_READONLY', 'STORAGE_FORBIDDEN', 'STORAGE_FAILED',
]);

export const isTransient = (error: unknown): boolean => error instanceof SupervisorError && TRANSIENT.has(error.code);
