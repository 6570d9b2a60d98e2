import { describe, expect, it } from 'vitest';
import { CONNECTOR_KINDS } from './connectors.js';
import { openEdgeWorld } from './edge-world.js';
import { VisitorLoad } from './visitor-load.js';

describe.each(CONNECTOR_KINDS)('a connector that is replaced under load ($name)', ({ start, available }) => {
  it.skipIf(!available)('loses nothing when the new one serves before the old one stops', async () => {
    const world = await openEdgeWorld();
    const [before, after] = [await world.startOrigin('before'), await world.startOrigin('after')];
    const old = await world.connect(start, before.url);
    const load = new VisitorLoad(world.front.port, 200);
    await load.untilAnswered(200);
    await world.connectOne(start, after.url);
    const stopped = old.stop();
    await world.edge.waitUntil((connections) => connections.filter(({ state }) => state === 'serving').every(({ connector }) => connector.connectorId !== connections[0]?.connector.connectorId));
    await load.untilAnswered(400);
    await stopped;
    const { sent, lost, names } = await load.stop();
    expect(lost).toEqual([]);
    expect(names).toHaveLength(sent);
    // The last of the old ones are those that were slow when it stopped.
    expect(new Set(names.slice(0, 100))).toEqual(new Set(['before']));
    expect(new Set(names.slice(-100))).toEqual(new Set(['after']));
    await world.close();
  });

  it.skipIf(!available)('loses what it had in flight when it is killed, and no more', async () => {
    const world = await openEdgeWorld();
    const [before, after] = [await world.startOrigin('before'), await world.startOrigin('after')];
    const old = await world.connect(start, before.url);
    const load = new VisitorLoad(world.front.port, 200);
    await load.untilAnswered(200);
    await world.connectOne(start, after.url);
    const inFlight = world.edge.connections().reduce((sum, { activeRequests }) => sum + activeRequests, 0);
    old.kill();
    await load.untilAnswered(200);
    const { sent, lost, names } = await load.stop();
    expect(names.length + lost.length).toBe(sent);
    // A few are opened between the death and its news.
    expect(lost.length).toBeLessThanOrEqual(inFlight + 10);
    expect(lost.filter((what) => what.includes('whole 200'))).toEqual([]);
    await world.close();
  });
});
