import { Secret } from '../core/secret.js';
import { isMissing, toStorageError } from '../host/atomic-file.js';
import { readRegularText } from '../host/regular-file.js';

/** A file whose content is a secret (`cert.pem`); undefined where there is none. */
export async function readSecret(path: string): Promise<Secret | undefined> {
  try {
    return new Secret(await readRegularText(path));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw toStorageError(error, path, 'read');
  }
}
