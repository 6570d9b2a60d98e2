import { parseOriginCert } from '../../cloudflare/origin-cert.js';
import { toSupervisorError } from '../../core/errors.js';
import { Secret } from '../../core/secret.js';
import type { Found, FoundCertificate } from '../findings.js';
import type { Place } from './default-directories.js';
import type { SurveyFiles } from './ports.js';

/** The first of these places counts that has one, as for cloudflared. Running a tunnel needs none: one that cannot be read is no trouble. */
export async function findCertificate(places: readonly Place[], files: Pick<SurveyFiles, 'read'>): Promise<readonly Found<FoundCertificate>[]> {
  for (const { path, authority } of places) {
    const reading = await files.read(path, authority);
    if (reading.kind !== 'read') continue;
    const pem = new Secret(reading.text);
    try {
      return [{ value: { pem, certificate: parseOriginCert(pem) }, from: path }];
    } catch (error) {
      // One of years ago, or another kind of file: it manages nothing. Anything else is a fault of ours.
      if (toSupervisorError(error).code !== 'ORIGIN_CERT_INVALID') throw error;
    }
  }
  return [];
}
