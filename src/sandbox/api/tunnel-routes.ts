import { z } from 'zod';

import { refusal } from '../world/refusals.js';
import { toTunnelToken, type Tunnel } from '../world/tunnels.js';
import { paginate } from './envelope.js';
import type { ApiCall, ApiRoute } from './route.js';
import { showConnectors, showTunnel } from './tunnel-view.js';

const TUNNELS = 'accounts/:account/cfd_tunnel';
const TUNNEL_PAGES = { perPage: 20, perPageMax: 1000 };

/** `tunnel_secret` is base64; Cloudflare makes one where none is sent. */
const NEW_TUNNEL = z.object({ name: z.string(), tunnel_secret: z.string().optional() });

const show = (call: ApiCall, tunnel: Tunnel): Record<string, unknown> => showTunnel(tunnel, call.connections.of(tunnel.id));
const needTunnel = (call: ApiCall): Tunnel => call.world.tunnels.need(call.param('tunnel'), call.token.accountId);

export const TUNNEL_ROUTES: readonly ApiRoute[] = [
  {
    method: 'POST', path: TUNNELS, right: 'tunnels',
    answer: (call) => {
      const { name, tunnel_secret: secret } = call.body(NEW_TUNNEL);
      const tunnel = call.world.tunnels.create(call.token.accountId, name, secret);
      return {
        result: {
          ...show(call, tunnel),
          credentials_file: { AccountTag: tunnel.accountId, TunnelID: tunnel.id, TunnelName: tunnel.name, TunnelSecret: tunnel.secret.toString('base64') },
          token: toTunnelToken(tunnel),
        },
      };
    },
  },
  {
    method: 'GET', path: TUNNELS, right: 'tunnels',
    answer: (call) => {
      const wanted = call.world.tunnels.list(call.token.accountId).filter((tunnel) => fitsFilter(tunnel, call.query));
      const { items, info } = paginate(wanted, call.query, TUNNEL_PAGES);
      return { result: items.map((tunnel) => show(call, tunnel)), resultInfo: info };
    },
  },
  {
    method: 'GET', path: `${TUNNELS}/:tunnel`, right: 'tunnels',
    answer: (call) => {
      // A deleted one can still be read; that is how cloudflared finds out.
      const tunnel = call.world.tunnels.get(call.param('tunnel'));
      if (tunnel === undefined || tunnel.accountId !== call.token.accountId) throw refusal('TUNNEL_UNKNOWN');
      return { result: show(call, tunnel) };
    },
  },
  {
    method: 'DELETE', path: `${TUNNELS}/:tunnel`, right: 'tunnels',
    answer: (call) => {
      const tunnel = needTunnel(call);
      if (call.connections.of(tunnel.id).length > 0) {
        if (call.query.get('cascade') !== 'true') throw refusal('TUNNEL_ACTIVE');
        call.connections.cut(tunnel.id);
      }
      // DNS records that lead to it stay, with and without cascade.
      return { result: showTunnel(call.world.tunnels.delete(tunnel.id) ?? tunnel, []) };
    },
  },
  { method: 'GET', path: `${TUNNELS}/:tunnel/token`, right: 'tunnels', answer: (call) => ({ result: toTunnelToken(needTunnel(call)) }) },
  {
    method: 'GET', path: `${TUNNELS}/:tunnel/connections`, right: 'tunnels',
    answer: (call) => ({ result: showConnectors(call.connections.of(needTunnel(call).id)) }),
  },
  {
    method: 'DELETE', path: `${TUNNELS}/:tunnel/connections`, right: 'tunnels',
    answer: (call) => {
      call.connections.cut(needTunnel(call).id, call.query.get('client_id') ?? undefined);
      return { result: null };
    },
  },
];

/** `name_prefix` is how cloudflared calls what the documentation calls `include_prefix`. */
function fitsFilter(tunnel: Tunnel, query: URLSearchParams): boolean {
  const prefix = query.get('include_prefix') ?? query.get('name_prefix');
  const excluded = query.get('exclude_prefix');
  const deleted = query.get('is_deleted');
  const name = query.get('name');
  const id = query.get('uuid');
  return (name === null || tunnel.name === name)
    && (id === null || tunnel.id === id.toLowerCase())
    && (prefix === null || tunnel.name.startsWith(prefix))
    && (excluded === null || excluded === '' || !tunnel.name.startsWith(excluded))
    && (deleted === null || (tunnel.deletedAt !== undefined) === (deleted === 'true'));
}
