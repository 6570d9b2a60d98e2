import { Secret } from '../../core/secret.js';
import type { TunnelCredentials } from '../../core/tunnel.js';
import { UUID } from './uuid.js';

/** What `tunnel run --token` takes: base64 of JSON that holds what a credentials file does. Undefined where it is none. */
export function parseToken(token: Secret): TunnelCredentials | undefined {
  let fields: unknown;
  try {
    fields = JSON.parse(Buffer.from(token.reveal().trim(), 'base64').toString('utf8'));
  } catch {
    return undefined; // The parser's words would quote the token.
  }
  if (typeof fields !== 'object' || fields === null) return undefined;
  const { a, t, s, e } = fields as Record<string, unknown>;
  if (typeof a !== 'string' || a === '' || typeof t !== 'string' || !UUID.test(t) || typeof s !== 'string' || s === '') return undefined;
  return { accountTag: a, tunnelId: t.toLowerCase(), tunnelSecret: new Secret(s), endpoint: typeof e === 'string' ? e : '' };
}
