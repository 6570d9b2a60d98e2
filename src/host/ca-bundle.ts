import { readdirSync, statSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { isMissing, toStorageError, writeFileAtomic } from './atomic-file.js';
import { readEitherCase, type Environment } from './child-environment.js';
import { readRegularText } from './regular-file.js';

/** Where cloudflared (Go) looks, in its order: Debian and Alpine, Fedora, openSUSE, RHEL, macOS. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
] as const;
const DIRECTORIES = ['/etc/ssl/certs', '/etc/pki/tls/certs'] as const;

export interface CaBundle {
  /** Where the roots come from; `node`: the system has none, and ours were written for the children. */
  readonly source: 'environment' | 'system' | 'node';
  readonly path: string;
  /** What the children need beside the allow-list. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface CaBundleSearch {
  readonly env: Environment;
  readonly bundles?: readonly string[];
  readonly directories?: readonly string[];
}

/** What is there already: named by the environment, or the system's. */
export function findCaBundle({ env, bundles = BUNDLES, directories = DIRECTORIES }: CaBundleSearch): CaBundle | undefined {
  const named = readEitherCase(env, 'SSL_CERT_FILE') ?? readEitherCase(env, 'SSL_CERT_DIR');
  if (named !== undefined) return { source: 'environment', path: named, environment: {} };
  const path = bundles.find(holdsSomething) ?? directories.find(holdsFiles);
  return path === undefined ? undefined : { source: 'system', path, environment: {} };
}

/** Debian slim has no CA bundle: Node's own roots are written to `ownBundle` then, and named to the children. */
export async function ensureCaBundle(search: CaBundleSearch, ownBundle: string): Promise<CaBundle> {
  const found = findCaBundle(search);
  if (found !== undefined) return found;
  const roots = `${rootCertificates.join('\n')}\n`;
  // Written again only where Node brought others.
  if ((await readIfThere(ownBundle)) !== roots) await writeFileAtomic(ownBundle, roots, { mode: 0o644 });
  return { source: 'node', path: ownBundle, environment: { SSL_CERT_FILE: ownBundle } };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readRegularText(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw toStorageError(error, path, 'read');
  }
}

const holdsSomething = (path: string): boolean => {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isFile() === true && found.size > 0;
};

const holdsFiles = (directory: string): boolean => {
  try {
    return readdirSync(directory).length > 0;
  } catch {
    return false; // Not there, or not for us to read: then not for our children either.
  }
};
