import type { Edge } from './edge/ports.js';
import type { ConnectionsPort, World } from './world/world.js';

/** The edge's connections, as the API shows them: one that has unregistered and drains is none any more. */
export function createConnectionsPort(edge: Edge, location: string): ConnectionsPort {
  return {
    of: (tunnelId) => edge.connections(tunnelId).filter(({ state }) => state === 'serving').map(({ id, connector, originIp, openedAt }) => ({
      id,
      connectorId: connector.connectorId,
      version: connector.version,
      arch: connector.arch,
      features: connector.features,
      originIp,
      openedAt,
      location,
    })),
    cut: (tunnelId, connectorId) => {
      edge.drop((connection) => connection.tunnelId === tunnelId && (connectorId === undefined || connection.connector.connectorId === connectorId));
    },
  };
}

/** Brings what happens at the edge into the world: who waits there is told. Returns what ends it. */
export const reportConnections = (edge: Edge, world: World): (() => void) => edge.subscribe((event) => {
  if (event.type === 'connection.registered') world.tunnels.markConnected(event.connection.tunnelId);
  world.changes.announce();
});
