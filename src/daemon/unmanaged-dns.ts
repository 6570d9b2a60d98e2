import type { CloudflareDnsRecords } from '../cloudflare/dns-records.js';
import type { Revision } from '../core/revision.js';
import { tunnelTarget, type TunnelIdentity } from '../core/tunnel.js';
import { hostnamesOf } from '../forwarding/revision-content.js';
import { NO_ZONE } from '../setup/no-zone.js';

export interface UnmanagedDnsParts {
  readonly tunnel: () => TunnelIdentity | undefined;
  readonly current: () => Revision | undefined;
}

/**
 * DNS records, where there may be no certificate: of a tunnel that was taken over without one, records are neither
 * looked at nor changed, and whoever publishes a new name is told to make its record.
 */
export function withUnmanagedZones(dns: CloudflareDnsRecords, { tunnel, current }: UnmanagedDnsParts): CloudflareDnsRecords {
  return {
    ...dns,
    plan: async (wanted) => {
      if (wanted.zoneId !== NO_ZONE) return dns.plan(wanted);
      const before = current();
      const known = before === undefined || before.tunnelId !== wanted.tunnelId ? [] : hostnamesOf(before);
      const added = wanted.hostnames.filter((hostname) => !known.includes(hostname));
      return { publish: [], withdraw: [], conflicts: [], warnings: added.length === 0 ? [] : [warnOf(added, wanted.tunnelId)] };
    },
    stateOf: (hostname) => {
      const state = dns.stateOf(hostname);
      return state === 'none' && tunnel()?.zoneId === NO_ZONE ? 'unmanaged' : state;
    },
  };
}

const SHOWN_NAMES = 5;

function warnOf(hostnames: readonly string[], tunnelId: string) {
  const shown = hostnames.slice(0, SHOWN_NAMES).join(', ');
  const more = hostnames.length > SHOWN_NAMES ? ` and ${hostnames.length - SHOWN_NAMES} more` : '';
  return { code: 'DNS_UNMANAGED', message: `There is no certificate to manage DNS with: records of ${shown}${more} are left as they are; each must be a CNAME to ${tunnelTarget(tunnelId)}.` };
}
