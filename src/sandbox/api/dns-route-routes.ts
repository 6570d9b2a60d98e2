import { z } from 'zod';

import { tunnelTarget } from '../../core/tunnel.js';
import { toRecordName } from '../world/record-draft.js';
import { refusal } from '../world/refusals.js';
import { needZone, type ApiRoute } from './route.js';

const ROUTE = z.object({ type: z.string(), user_hostname: z.string().min(1), overwrite_existing: z.boolean().optional() });
const HOST_TYPES: ReadonlySet<string> = new Set(['A', 'AAAA', 'CNAME']);

/** What `cloudflared tunnel route dns` calls. Needs no right to edit DNS: the tunnel's right is enough. */
export const DNS_ROUTE_ROUTES: readonly ApiRoute[] = [
  {
    method: 'PUT', path: 'zones/:zone/tunnels/:tunnel/routes', right: 'tunnels',
    answer: (call) => {
      const zone = needZone(call);
      const { type, user_hostname: hostname, overwrite_existing: overwrite = false } = call.body(ROUTE);
      if (type !== 'dns') throw refusal('ROUTE_TYPE_UNKNOWN');
      const { records } = call.world;
      const target = tunnelTarget(call.world.tunnels.need(call.param('tunnel'), call.token.accountId).id);
      // A name outside the zone gets the zone appended and is routed with success: the well-known surprise.
      const name = toRecordName(hostname, zone.name);
      const wanted = { type: 'CNAME', name, content: target, proxied: true };
      const there = records.named(name).filter((record) => HOST_TYPES.has(record.type));

      const [first, ...others] = there;
      if (first === undefined) return { result: { cname: 'new', name, dns_tag: records.create(zone, wanted).id } };
      if (others.length === 0 && first.type === 'CNAME' && first.content === target && first.proxied) {
        return { result: { cname: 'unchanged', name, dns_tag: first.id } };
      }
      if (!overwrite) throw refusal('ROUTE_CONFLICT');
      for (const other of others) records.delete(zone, other.id);
      return { result: { cname: 'updated', name, dns_tag: records.replace(zone, first.id, wanted).id } };
    },
  },
];
