import { messageOf } from '../failure.js';

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused', ECONNRESET: 'connection reset by peer', EHOSTUNREACH: 'no route to host', ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'connection timed out', EPIPE: 'broken pipe', ENOENT: 'no such file or directory', EACCES: 'permission denied',
};

/** What failed on the network, in the words of Go: `dial tcp 127.0.0.1:1: connect: connection refused`. */
export function goNetError(error: unknown): string {
  const message = messageOf(error);
  const [, call, code = '', address] = /^(connect|read|write) (E[A-Z]+)(?: (.+))?$/u.exec(message) ?? [];
  const reason = REASONS[code];
  if (call === 'connect' && reason !== undefined && address !== undefined) return `dial ${address.startsWith('/') ? 'unix' : 'tcp'} ${address}: connect: ${reason}`;
  if (reason !== undefined) return `${call ?? ''} tcp: ${reason}`;
  return message === 'socket hang up' ? 'EOF' : message;
}
