import { accessSync, constants } from 'node:fs';
import { Secret } from '../core/secret.js';
import { SupervisorError } from '../core/errors.js';
import { isNoFile, readRegularText } from '../host/regular-file.js';
import { errnoOf, isMissing, toStorageError } from '../host/storage-error.js';

/** What a start needs, looked at before it: the real reason is better than cloudflared's exit code 1. */

export interface RunFiles {
  readonly config: string;
  readonly credentials: string;
  readonly tunnelId: string;
}

/** The first thing wrong with the files; `learnSecret` is told what must not be shown. */
export async function checkRunFiles(files: RunFiles, learnSecret: (secret: Secret) => void): Promise<SupervisorError | undefined> {
  return checkConfig(files.config) ?? await checkCredentials(files, learnSecret);
}

function checkConfig(path: string): SupervisorError | undefined {
  try {
    accessSync(path, constants.R_OK);
    return undefined;
  } catch (error) {
    if (isMissing(error)) return new SupervisorError('CONFIG_REFUSED', `The configuration ${path} is missing.`);
    return new SupervisorError('STORAGE_FORBIDDEN', `The configuration ${path} cannot be read: ${String(errnoOf(error))}.`, { cause: error });
  }
}

async function checkCredentials({ credentials, tunnelId }: RunFiles, learnSecret: (secret: Secret) => void): Promise<SupervisorError | undefined> {
  const wrong = (reason: string, cause?: unknown): SupervisorError => new SupervisorError('CREDENTIALS_MISSING', `The credentials file ${credentials} ${reason}.`, { cause });
  let text: string;
  try {
    text = await readRegularText(credentials);
  } catch (error) {
    const failed = toStorageError(error, credentials, 'read');
    // It says nothing of the file, and passes.
    if (failed.code === 'DESCRIPTORS_EXHAUSTED') return failed;
    if (isNoFile(error)) return wrong('is not a file', error);
    return wrong(isMissing(error) ? 'is missing' : `cannot be read: ${String(errnoOf(error))}`, error);
  }
  const content = parseCredentials(text);
  if (content === undefined) return wrong('does not hold the credentials of a tunnel');
  learnSecret(new Secret(content.tunnelSecret));
  return content.tunnelId.toLowerCase() === tunnelId.toLowerCase() ? undefined : wrong(`is for tunnel ${content.tunnelId}, not for ${tunnelId}`);
}

function parseCredentials(text: string): { readonly tunnelId: string; readonly tunnelSecret: string } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('TunnelID' in value) || !('TunnelSecret' in value)) return undefined;
    const { TunnelID: tunnelId, TunnelSecret: tunnelSecret } = value;
    return typeof tunnelId === 'string' && typeof tunnelSecret === 'string' ? { tunnelId, tunnelSecret } : undefined;
  } catch {
    return undefined; // Not JSON: said by the caller, without the text, which may be secret all the same.
  }
}
