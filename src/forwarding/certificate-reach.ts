import type { Warning } from '../core/dns.js';

const SHOWN_NAMES = 5;

/**
 * Cloudflare's Universal SSL certificate covers the zone and one label below it: a browser refuses a name that lies
 * deeper, unless the zone has another certificate (or is a partial one, whose names have one each), which we cannot see. Pure.
 */
export function warnOfDeepHostnames(hostnames: readonly string[], zone: string): readonly Warning[] {
  const deep = hostnames.filter((hostname) => hostname.endsWith(`.${zone}`) && hostname.slice(0, -zone.length - 1).includes('.'));
  const [first] = deep;
  if (first === undefined) return [];
  const more = deep.length > SHOWN_NAMES ? ` and ${deep.length - SHOWN_NAMES} more` : '';
  const [lies, it] = deep.length === 1 ? ['lies', 'it'] : ['lie', 'them'];
  return [{
    code: 'HOSTNAME_TOO_DEEP',
    ...(deep.length === 1 ? { hostname: first } : {}),
    message: `${deep.slice(0, SHOWN_NAMES).join(', ')}${more} ${lies} more than one label below ${zone}, and Cloudflare's Universal SSL certificate does not cover ${it}: browsers refuse HTTPS there, unless the zone has another certificate (Total TLS, an advanced or an uploaded one).`,
  }];
}
