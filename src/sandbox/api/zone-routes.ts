import { toIso } from '../../core/clock.js';
import type { Zone } from '../world/zones.js';
import { paginate } from './envelope.js';
import { needZone, type ApiRoute } from './route.js';

const ZONE_PAGES = { perPage: 20, perPageMax: 50 };

export const ZONE_ROUTES: readonly ApiRoute[] = [
  {
    method: 'GET', path: 'zones', right: 'zoneRead',
    answer: ({ world, token, query }) => {
      const name = query.get('name');
      const account = query.get('account.id');
      const zones = world.zones.all().filter((zone) => zone.id === token.zoneId
        && (name === null || zone.name === name.toLowerCase()) && (account === null || zone.account.id === account));
      const { items, info } = paginate(zones, query, ZONE_PAGES);
      return { result: items.map(showZone), resultInfo: info };
    },
  },
  { method: 'GET', path: 'zones/:zone', right: 'zoneRead', answer: (call) => ({ result: showZone(needZone(call)) }) },
];

const showZone = (zone: Zone): unknown => ({
  id: zone.id,
  name: zone.name,
  status: 'active',
  paused: false,
  type: 'full',
  development_mode: 0,
  name_servers: ['ada.ns.cloudflare.com', 'lee.ns.cloudflare.com'],
  original_name_servers: null,
  created_on: toIso(zone.createdAt),
  modified_on: toIso(zone.createdAt),
  activated_on: toIso(zone.createdAt),
  account: { id: zone.account.id, name: zone.account.name },
  owner: { id: null, type: 'user', email: null },
  plan: { id: '0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee', name: 'Free Website', price: 0, currency: 'USD', is_subscribed: true },
});
