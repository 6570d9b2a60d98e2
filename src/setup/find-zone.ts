import { SupervisorError } from '../core/errors.js';
import { quote } from '../core/parsed.js';
import type { CloudflareAccount, InstalledTunnel, Zone } from './ports.js';

/** One label or more below a top-level one, ASCII, as zones are named. */
const DOMAIN = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * The zone of the certificate and its name. Where the token may not read it: the name given with the setup, or the one
 * that this very zone was set up with before.
 */
export async function findZone(account: CloudflareAccount, given: string | undefined, installed: InstalledTunnel | undefined, signal: AbortSignal): Promise<Zone> {
  const { zoneId } = account.certificate;
  const domain = given === undefined ? undefined : checkDomain(given);
  const zone = await account.readZone(signal);
  if (zone !== undefined) {
    if (domain !== undefined && domain !== zone.name) {
      throw new SupervisorError('OPTION_INVALID', `The certificate is for the zone ${zone.name}, not for ${domain}.`, { problems: [{ field: 'domain', code: 'DOMAIN_MISMATCH', message: `is not ${zone.name}` }] });
    }
    return zone;
  }
  const known = installed?.identity.zoneId === zoneId ? installed.identity.domain : undefined;
  const name = domain ?? known;
  if (name === undefined) {
    throw new SupervisorError('ZONE_FORBIDDEN', `The certificate does not let us read its zone ${zoneId}.`, {
      hint: 'Name the zone with --domain, or run `setup` again and log in as somebody who may read it.',
    });
  }
  return { id: zoneId, name };
}

function checkDomain(given: string): string {
  const domain = given.trim().toLowerCase().replace(/\.$/, '');
  if (DOMAIN.test(domain)) return domain;
  throw new SupervisorError('OPTION_INVALID', `${quote(given)} is not the name of a zone.`, { problems: [{ field: 'domain', code: 'DOMAIN_INVALID', message: 'is not the name of a zone' }] });
}
