import { readFile } from 'node:fs/promises';
import { Secret } from '../core/secret.js';
import { isMissing, toStorageError } from '../host/atomic-file.js';

/** A file whose content is a secret (`cert.pem`); undefined where there is none. */
export async function readSecret(path: string): Promise<Secret | undefined> {
  try {
    return new Secret(await readFile(path, 'utf8'));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw toStorageError(error, path, 'read');
  }
}
