import { z } from 'zod';
import { SupervisorError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import type { TunnelCredentials } from '../core/tunnel.js';
import { isMissing, toStorageError, writeFileAtomic } from '../host/atomic-file.js';
import { readRegularText } from '../host/regular-file.js';

/** `<tunnel id>.json`, as cloudflared writes and reads it. */
export const credentialsSchema = z.looseObject({
  AccountTag: z.string().min(1),
  TunnelSecret: z.base64().min(1),
  TunnelID: z.uuid(),
  // Absent in files of old versions.
  Endpoint: z.string().default(''),
}).transform((file): TunnelCredentials => ({
  accountTag: file.AccountTag,
  tunnelId: file.TunnelID.toLowerCase(),
  tunnelSecret: new Secret(file.TunnelSecret),
  endpoint: file.Endpoint,
}));

/** What stands in the file: the secret in clear. */
export function credentialsContent(credentials: TunnelCredentials): { readonly AccountTag: string; readonly TunnelSecret: string; readonly TunnelID: string; readonly Endpoint: string } {
  return { AccountTag: credentials.accountTag, TunnelSecret: credentials.tunnelSecret.reveal(), TunnelID: credentials.tunnelId, Endpoint: credentials.endpoint };
}

export async function writeCredentials(path: string, credentials: TunnelCredentials): Promise<void> {
  await writeFileAtomic(path, JSON.stringify(credentialsContent(credentials)));
}

/**
 * Undefined where there is none.
 * @throws SupervisorError CREDENTIALS_MISSING where the file is no credentials file
 */
export async function readCredentials(path: string): Promise<TunnelCredentials | undefined> {
  let text: string;
  try {
    text = await readRegularText(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw toStorageError(error, path, 'read');
  }
  const parsed = credentialsSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new SupervisorError('CREDENTIALS_MISSING', `${path} is not a credentials file of a tunnel`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Fits no schema.
  }
}
