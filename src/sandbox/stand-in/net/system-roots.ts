import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { env } from 'node:process';

/** Where Go looks for the certificates that the system trusts; Node would bring its own. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/ca-bundle.pem', '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', '/etc/ssl/cert.pem',
] as const;

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // A missing bundle is the next one's turn; with none of them, nobody is trusted.
    return '';
  }
}

function readDirectory(directory: string): string {
  try {
    return readdirSync(directory).map((name) => readOrNothing(join(directory, name))).join('\n');
  } catch {
    // As above.
    return '';
  }
}

let cached: string | undefined;

/** PEM: `SSL_CERT_FILE` in place of the system's bundle, and `SSL_CERT_DIR`. Empty where there are none, as on a slim Debian. */
export function systemRoots(): string {
  if (cached === undefined) {
    const file = env['SSL_CERT_FILE'] ?? '';
    const bundle = file === '' ? (BUNDLES.map(readOrNothing).find((text) => text !== '') ?? '') : readOrNothing(file);
    const directories = (env['SSL_CERT_DIR'] ?? '').split(':').filter((directory) => directory !== '');
    cached = [bundle, ...directories.map(readDirectory)].join('\n').trim();
  }
  return cached;
}
