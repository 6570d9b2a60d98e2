import { toIso } from '../../core/clock.js';
import type { Tunnel } from '../world/tunnels.js';
import type { TunnelConnection } from '../world/world.js';

/** Four connections are what one connector keeps; fewer is a tunnel in trouble. */
const CONNECTIONS_WANTED = 4;

export function showTunnel(tunnel: Tunnel, connections: readonly TunnelConnection[]): Record<string, unknown> {
  return {
    id: tunnel.id,
    account_tag: tunnel.accountId,
    created_at: toIso(tunnel.createdAt),
    deleted_at: tunnel.deletedAt === undefined ? null : toIso(tunnel.deletedAt),
    name: tunnel.name,
    connections: connections.map(showConnection),
    conns_active_at: connections.length === 0 || tunnel.connectedAt === undefined ? null : toIso(tunnel.connectedAt),
    conns_inactive_at: connections.length > 0 || tunnel.connectedAt === undefined ? null : toIso(tunnel.connectedAt),
    tun_type: 'cfd_tunnel',
    metadata: {},
    status: tunnelStatus(tunnel, connections),
    remote_config: false,
    config_src: 'local',
  };
}

function tunnelStatus(tunnel: Tunnel, connections: readonly TunnelConnection[]): string {
  if (connections.length >= CONNECTIONS_WANTED) return 'healthy';
  if (connections.length > 0) return 'degraded';
  return tunnel.connectedAt === undefined ? 'inactive' : 'down';
}

const showConnection = (connection: TunnelConnection): Record<string, unknown> => ({
  colo_name: connection.location.toLowerCase(),
  uuid: connection.id,
  id: connection.id,
  is_pending_reconnect: false,
  // The real API leaves no empty address: cloudflared could not parse it.
  origin_ip: connection.originIp === '' ? '127.0.0.1' : connection.originIp,
  opened_at: toIso(connection.openedAt),
  client_id: connection.connectorId,
  client_version: connection.version,
});

/** The connections call groups by connector: one entry for each running cloudflared. */
export function showConnectors(connections: readonly TunnelConnection[]): readonly unknown[] {
  const connectors = new Map<string, TunnelConnection[]>();
  for (const connection of connections) connectors.set(connection.connectorId, [...(connectors.get(connection.connectorId) ?? []), connection]);
  return [...connectors.values()].flatMap((own) => {
    const [first] = own;
    if (first === undefined) return [];
    return {
      id: first.connectorId,
      features: first.features,
      version: first.version,
      arch: first.arch,
      run_at: toIso(Math.min(...own.map((connection) => connection.openedAt))),
      conns: own.map(showConnection),
      config_version: 0,
    };
  });
}
