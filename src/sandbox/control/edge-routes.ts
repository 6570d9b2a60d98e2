import type { ControlRoute } from './route.js';
import { dialModeRequest, dropRequest } from './schemas.js';
import { viewConnection } from './views.js';

/** What connectors meet at the edge, and the network between. */
export const EDGE_ROUTES: readonly ControlRoute[] = [
  { method: 'GET', path: 'edge/connections', answer: ({ target }) => target.edge.connections().map(viewConnection) },
  { method: 'PUT', path: 'edge/dial-mode', answer: async (call) => call.target.edge.setDialMode(call.body(dialModeRequest).mode) },
  {
    method: 'POST', path: 'edge/drop',
    answer: (call) => {
      const { tunnelId, connectorId, connectionId, count } = call.body(dropRequest);
      const matching = call.target.edge.connections(tunnelId)
        .filter(({ id, connector }) => (connectorId === undefined || connector.connectorId === connectorId) && (connectionId === undefined || id === connectionId));
      const chosen = new Set(matching.slice(0, count).map(({ id }) => id));
      return { dropped: call.target.edge.drop(({ id }) => chosen.has(id)) };
    },
  },
];
