import type { Secret } from '../core/secret.js';
import type { Connect } from './account.js';
import { parseOriginCert } from './origin-cert.js';
import type { OpenZone, RouteDns } from './ports.js';
import type { RequestBudget } from './request-budget.js';

/** A certificate on disk, and the zone's name where it is known. */
export interface ZoneCertificate {
  readonly pem: Secret;
  /** What cloudflared gets as `--origincert`. */
  readonly file: string;
  readonly domain: string | undefined;
}

export interface OpenZoneOptions {
  /** The certificate of this zone: the staged one before the one in use, and that before a retired one. */
  readonly findCertificate: (zoneId: string) => Promise<ZoneCertificate | undefined>;
  readonly connect: Connect;
  /** cloudflared's `tunnel route dns` with this certificate file. */
  readonly routeDnsWith: (certificateFile: string) => RouteDns;
  readonly budget: RequestBudget;
}

export function createOpenZone({ findCertificate, connect, routeDnsWith, budget }: OpenZoneOptions): OpenZone {
  return async (zoneId) => {
    const found = await findCertificate(zoneId);
    if (found === undefined) return undefined;
    const routeDns = routeDnsWith(found.file);
    return {
      zoneId,
      domain: found.domain,
      client: connect(parseOriginCert(found.pem)),
      routeDns: async (request, signal) => {
        // cloudflared's request counts at Cloudflare as ours do.
        await budget.take(signal);
        return routeDns(request, signal);
      },
    };
  };
}
