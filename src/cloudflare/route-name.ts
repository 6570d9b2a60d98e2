import { toIso } from '../core/clock.js';
import type { DnsRecord, Warning } from '../core/dns.js';
import { SupervisorError } from '../core/errors.js';
import { TUNNEL_DOMAIN } from '../core/tunnel.js';
import type { RouteDns, ZoneAccess } from './ports.js';
import { entryOf, settleName, type RecordContext } from './record-context.js';
import { retryDelayMs } from './retry-delay.js';

export interface RouteRequest {
  readonly hostname: string;
  readonly content: string;
  /** Replace what is there: only when asked to, or when it was read and is ours. */
  readonly overwrite: boolean;
  readonly previous: readonly DnsRecord[];
}

/**
 * Has the server make the record, where the token may not edit DNS. Outside the zone the server would append the zone
 * and say success, so the name is checked before, and its answer after.
 */
export async function routeName(context: RecordContext, access: ZoneAccess, request: RouteRequest, signal: AbortSignal): Promise<readonly Warning[]> {
  const { hostname, content } = request;
  const { domain } = access;
  if (domain === undefined || (hostname !== domain && !hostname.endsWith(`.${domain}`))) {
    throw new SupervisorError('DNS_FORBIDDEN', `The certificate does not let us edit DNS records, and ${hostname} is not in its zone${domain === undefined ? '' : ` ${domain}`}.`);
  }
  const routed = await routeUntilAnswered(context, access, { tunnelId: content.slice(0, -(TUNNEL_DOMAIN.length + 1)), hostname, overwrite: request.overwrite }, signal);
  if (routed.hostname.toLowerCase().replace(/\.$/, '') !== hostname) {
    throw new SupervisorError('DNS_MISROUTED', `Cloudflare routed ${routed.hostname} when asked for ${hostname}; the record of ${routed.hostname} is left.`);
  }
  settleName(context, hostname);
  const known = entryOf(context, hostname, access.zoneId);
  if (routed.ledHereBefore && known?.content === content) {
    await context.ledger.put({ ...known, removalOwed: false });
    return [];
  }
  await context.ledger.put({
    hostname, zoneId: access.zoneId, content,
    recordId: undefined,
    createdAt: known?.createdAt ?? toIso(context.clock.now()),
    previous: request.previous,
    adopted: routed.ledHereBefore,
    removalOwed: false,
  });
  if (!routed.ledHereBefore) context.emit('dns.created', { hostname, content });
  return [];
}

/** As with every other request, Cloudflare's being away or throttling is waited for until the signal aborts. */
async function routeUntilAnswered({ clock, random }: RecordContext, access: ZoneAccess, request: Parameters<RouteDns>[0], signal: AbortSignal): ReturnType<RouteDns> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await access.routeDns(request, signal);
    } catch (thrown) {
      if (signal.aborted || !isWorthRetrying(thrown)) throw thrown;
      await clock.sleep(retryDelayMs(tries, random), signal).catch(() => {
        throw signal.reason instanceof SupervisorError ? signal.reason : thrown;
      });
    }
  }
}

const isWorthRetrying = (thrown: unknown): boolean => thrown instanceof SupervisorError && (thrown.code === 'CLOUDFLARE_THROTTLED' || thrown.code === 'CLOUDFLARE_UNREACHABLE');
