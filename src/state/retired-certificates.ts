import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SupervisorError } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import { isMissing, removeDurably, syncDirectory, toStorageError, writeFileAtomic } from '../host/atomic-file.js';
import type { BasePaths } from '../host/base-paths.js';
import type { RetiredCertificates } from '../setup/ports.js';
import { readSecret } from './read-secret.js';

export interface RetiredCertificatesOptions {
  /** Parses a certificate; throws ORIGIN_CERT_INVALID. */
  readonly zoneOf: (pem: Secret) => string;
  /** Of the certificate in use. */
  readonly zoneInUse: () => Promise<string | undefined>;
  /** Which a setup that is under way is about to leave: it is in use until the new one is. */
  readonly zoneBeingLeft: () => Promise<string | undefined>;
  /** In which the ledger has records. */
  readonly zonesOfRecords: () => Iterable<string>;
}

export interface RetiredCertificateStore extends RetiredCertificates {
  read(zoneId: string): Promise<Secret | undefined>;
}

/** `retired/<zone id>.pem`: certificates of zones that we left, while records of ours are still in them. */
export function createRetiredCertificates(paths: BasePaths, options: RetiredCertificatesOptions): RetiredCertificateStore {
  const fileOf = (zoneId: string): string => {
    // It comes from a file that a person may have brought: it must not lead out of the directory.
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(zoneId)) throw new SupervisorError('ORIGIN_CERT_INVALID', 'the certificate names a zone that cannot be one');
    return paths.retiredCert(zoneId);
  };

  return {
    keep: async (pem) => {
      const file = fileOf(options.zoneOf(pem));
      try {
        if ((await mkdir(paths.retiredDir, { recursive: true, mode: 0o700 })) !== undefined) await syncDirectory(paths.baseDir);
      } catch (error) {
        throw toStorageError(error, paths.retiredDir, 'create');
      }
      await writeFileAtomic(file, pem.reveal());
    },
    prune: async () => {
      const needed = new Set(options.zonesOfRecords());
      const [inUse, left] = await Promise.all([options.zoneInUse(), options.zoneBeingLeft()]);
      for (const zoneId of await listZones(paths.retiredDir)) {
        if ((zoneId === inUse && zoneId !== left) || !needed.has(zoneId)) await removeDurably(join(paths.retiredDir, `${zoneId}.pem`));
      }
    },
    read: async (zoneId) => readSecret(fileOf(zoneId)),
  };
}

async function listZones(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).flatMap((name) => /^(.+)\.pem$/.exec(name)?.[1] ?? []);
  } catch (error) {
    if (isMissing(error)) return [];
    throw toStorageError(error, directory, 'read');
  }
}
