import { Secret } from '../../core/secret.js';
import type { TunnelCredentials } from '../../core/tunnel.js';
import { UUID } from './uuid.js';

/**
 * A credentials file's content. One of before 2020 names no tunnel: then it is the one that it was used for. As
 * cloudflared does, a tunnel that is named elsewhere by its id wins over the one in the file.
 */
export function parseCredentials(text: string, tunnelId: string | undefined): TunnelCredentials | undefined {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    return undefined; // The parser's words would quote the secret.
  }
  if (typeof fields !== 'object' || fields === null) return undefined;
  const { AccountTag: account, TunnelSecret: secret, TunnelID: inFile, Endpoint: endpoint } = fields as Record<string, unknown>;
  const id = tunnelId ?? (typeof inFile === 'string' ? inFile : '');
  if (typeof account !== 'string' || account === '' || typeof secret !== 'string' || secret === '' || !UUID.test(id)) return undefined;
  return { accountTag: account, tunnelId: id.toLowerCase(), tunnelSecret: new Secret(secret), endpoint: typeof endpoint === 'string' ? endpoint : '' };
}
