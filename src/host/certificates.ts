import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { SupervisorError } from '../core/errors.js';
import { readEitherCase, type Environment } from './child-environment.js';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/**
 * The roots that our own requests trust, since Node ignores `SSL_CERT_FILE` and `SSL_CERT_DIR`. As for Go they stand
 * instead of the built-in ones; `caFiles` are trusted beside. Undefined: nothing was said, Node's own (which cost
 * nothing, and with them NODE_EXTRA_CA_CERTS) will do.
 * @throws SupervisorError OPTION_INVALID where a file that was named holds no certificate.
 */
export async function readTrustedRoots(env: Environment, caFiles: readonly string[] = []): Promise<string[] | undefined> {
  const file = readEitherCase(env, 'SSL_CERT_FILE');
  const directories = readEitherCase(env, 'SSL_CERT_DIR')?.split(':').filter((directory) => directory !== '') ?? [];
  if (file === undefined && directories.length === 0 && caFiles.length === 0) return undefined;
  const roots: string[] = [];
  if (file !== undefined) roots.push(...(await readCertificates(file, 'SSL_CERT_FILE')));
  for (const directory of directories) roots.push(...(await readDirectory(directory)));
  // A directory in which nothing was found must not leave us without any root.
  if (roots.length === 0) roots.push(...rootCertificates);
  for (const caFile of caFiles) roots.push(...(await readCertificates(caFile, 'the CA file')));
  return roots;
}

async function readCertificates(file: string, named: string): Promise<readonly string[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new SupervisorError('OPTION_INVALID', `${named} names ${file}, which cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  });
  const certificates = text.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) throw new SupervisorError('OPTION_INVALID', `${named} names ${file}, which holds no certificate`);
  return certificates;
}

/** As Go does: whatever in it is no certificate is passed over, and so is a directory that is not there. */
async function readDirectory(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch(() => []);
  const texts = await Promise.all(names.map(async (name) => readFile(join(directory, name), 'utf8').catch(() => '')));
  return [...new Set(texts.flatMap((text) => text.match(CERTIFICATE) ?? []))];
}
