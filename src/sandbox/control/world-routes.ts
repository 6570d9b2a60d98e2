import { toOriginCert } from '../world/api-tokens.js';
import { lookUpHost } from '../world/host-lookup.js';
import { toTunnelToken } from '../world/tunnels.js';
import type { Zone } from '../world/zones.js';
import { ControlRefusal, type ControlCall, type ControlRoute } from './route.js';
import { authoriseRequest, rightsRequest, tunnelRequest, zoneRequest } from './schemas.js';
import { viewLogin, viewTunnel } from './views.js';

/** The zone of that name or id, the first without one. */
export function needZone({ target }: ControlCall, name: string | undefined): Zone {
  const zone = target.world.zones.find(name);
  if (zone === undefined) throw new ControlRefusal(404, `The sandbox has no zone ${name ?? ''}.`);
  return zone;
}

/** Logins, certificates, rights, tunnels: what people have and do at Cloudflare. */
export const WORLD_ROUTES: readonly ControlRoute[] = [
  {
    method: 'GET', path: 'zones',
    answer: ({ target }) => target.world.zones.all().map(({ id, name, account }) => ({ id, name, accountId: account.id, accountName: account.name })),
  },
  { method: 'GET', path: 'logins', answer: ({ target }) => target.logins.list().map(viewLogin) },
  {
    method: 'POST', path: 'logins/authorise',
    answer: (call) => {
      const { login, zone } = call.body(authoriseRequest);
      needZone(call, zone);
      const authorised = call.target.logins.authorise(login, zone);
      if (authorised === undefined) throw new ControlRefusal(404, login === undefined ? 'No login waits.' : 'That is no login URL of cloudflared.');
      return viewLogin(authorised);
    },
  },
  {
    method: 'POST', path: 'certificates',
    answer: (call) => {
      const zone = needZone(call, call.body(zoneRequest).zone);
      const token = call.target.world.tokens.issue(zone);
      return { certificate: toOriginCert(token), zoneId: zone.id, accountId: zone.account.id, apiToken: token.value };
    },
  },
  { method: 'GET', path: 'rights', answer: ({ target }) => target.world.tokens.rights() },
  {
    method: 'PATCH', path: 'rights',
    answer: (call) => {
      const changes = Object.entries(call.body(rightsRequest)).filter(([, value]) => value !== undefined);
      call.target.world.tokens.setRights(Object.fromEntries(changes));
      return call.target.world.tokens.rights();
    },
  },
  {
    method: 'DELETE', path: 'tokens',
    answer: ({ target }) => target.world.tokens.revokeAll(),
  },
  {
    method: 'GET', path: 'tunnels',
    answer: ({ target }) => target.world.tunnels.list().map((tunnel) => viewTunnel(tunnel, target.edge.connections(tunnel.id))),
  },
  {
    method: 'POST', path: 'tunnels',
    answer: (call) => {
      const { name, zone } = call.body(tunnelRequest);
      const tunnel = call.target.world.tunnels.create(needZone(call, zone).account.id, name);
      const credentials = { AccountTag: tunnel.accountId, TunnelSecret: tunnel.secret.toString('base64'), TunnelID: tunnel.id, Endpoint: '' };
      return { ...viewTunnel(tunnel, []), token: toTunnelToken(tunnel), credentials };
    },
  },
  {
    method: 'DELETE', path: 'tunnels/:tunnel',
    answer: (call) => {
      const tunnel = call.target.world.tunnels.delete(call.param('tunnel'));
      if (tunnel === undefined) throw new ControlRefusal(404, 'There is no such tunnel.');
      call.target.connections.cut(tunnel.id);
      return viewTunnel(tunnel, []);
    },
  },
  {
    method: 'GET', path: 'lookup',
    answer: ({ target, query }) => lookUpHost(target.world.records, (query.get('hostname') ?? '').toLowerCase()),
  },
];
