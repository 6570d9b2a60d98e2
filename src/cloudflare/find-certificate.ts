import type { Secret } from '../core/secret.js';
import type { BasePaths } from '../host/base-paths.js';
import type { InstalledTunnel, StagedTunnel, TunnelStaging } from '../setup/ports.js';
import { parseOriginCert } from './origin-cert.js';
import type { ZoneCertificate } from './zone-access.js';

export interface CertificatePlaces {
  readonly paths: BasePaths;
  readonly staging: Pick<TunnelStaging, 'readCertificate'> & { readTunnel(): Promise<Pick<StagedTunnel, 'identity'> | undefined> };
  readonly installed: () => Promise<Pick<InstalledTunnel, 'identity' | 'certificate'> | undefined>;
  readonly retired: { read(zoneId: string): Promise<Secret | undefined> };
}

/**
 * Finds the certificate of a zone: the staged one first, since it may replace one that is revoked; then the one in
 * use; then one of a zone that we left.
 */
export function createFindCertificate({ paths, staging, installed, retired }: CertificatePlaces): (zoneId: string) => Promise<ZoneCertificate | undefined> {
  return async (zoneId) => {
    const stagedPem = await staging.readCertificate();
    const staged = stagedPem === undefined ? undefined : await staging.readTunnel();
    // Without a tunnel it is not proven yet.
    if (stagedPem !== undefined && staged?.identity.zoneId === zoneId && isOfZone(stagedPem, zoneId)) {
      return { pem: stagedPem, file: paths.stagedCert, domain: staged.identity.domain };
    }
    const inUse = await installed();
    if (inUse?.certificate !== undefined && isOfZone(inUse.certificate, zoneId)) {
      return { pem: inUse.certificate, file: paths.certPem, domain: inUse.identity.zoneId === zoneId ? inUse.identity.domain : undefined };
    }
    const left = await retired.read(zoneId);
    return left === undefined || !isOfZone(left, zoneId) ? undefined : { pem: left, file: paths.retiredCert(zoneId), domain: undefined };
  };
}

function isOfZone(pem: Secret, zoneId: string): boolean {
  try {
    return parseOriginCert(pem).zoneId === zoneId;
  } catch {
    // A damaged certificate opens nothing; the next one may, and if none does the caller says so.
    return false;
  }
}
