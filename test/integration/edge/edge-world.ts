import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCertificateAuthority } from '../../../src/sandbox/certificates.js';
import { startEdge } from '../../../src/sandbox/edge/edge.js';
import type { Authorize, Edge, EdgeEvent, HostTarget, VisitorFront } from '../../../src/sandbox/edge/ports.js';
import { startVisitorFront } from '../../../src/sandbox/edge/visitor-front.js';
import type { ConnectorSetup, StartConnector, TestConnector } from './connectors.js';
import { type Origin, startOrigin } from './origin.js';
import { HOST } from './visitor.js';

/** An edge with one tunnel, a name that leads to it, and origins: all real, all in a directory that goes at the end. */
export interface EdgeWorld {
  readonly edge: Edge;
  readonly front: VisitorFront;
  readonly ca: string;
  readonly events: readonly EdgeEvent[];
  readonly setup: Omit<ConnectorSetup, 'originUrl'>;
  startOrigin(name?: string): Promise<Origin>;
  /** Resolves when all four of its connections serve. */
  connect(start: StartConnector, originUrl: string): Promise<TestConnector>;
  /** As `connect`, but as soon as one serves. */
  connectOne(start: StartConnector, originUrl: string): Promise<TestConnector>;
  close(): Promise<void>;
}

export async function openEdgeWorld(authorize: Authorize = () => ({ kind: 'accept' })): Promise<EdgeWorld> {
  const directory = await mkdtemp(join(tmpdir(), 'edge-'));
  const authority = await createCertificateAuthority();
  const caFile = join(directory, 'ca.pem');
  await writeFile(caFile, authority.pem);
  const edge = await startEdge({ ...(await authority.issue({ names: ['h2.cftunnel.com'] })), authorize });
  const tunnelId = randomUUID();
  const front = await startVisitorFront({ edge, lookUpHost: (hostname): HostTarget => lookUp(hostname, tunnelId) });
  const events: EdgeEvent[] = [];
  edge.subscribe((event) => events.push(event));
  const origins: Origin[] = [];
  const connectors: TestConnector[] = [];
  const setup = { edgeAddress: edge.addresses[0] ?? '', caFile, directory, tunnelId, accountTag: 'account', tunnelSecret: randomBytes(32) };

  const connectUntil = async (start: StartConnector, originUrl: string, count: number): Promise<TestConnector> => {
    const known = new Set(edge.connections().map(({ id }) => id));
    const connector = await start({ ...setup, originUrl });
    connectors.push(connector);
    await edge.waitUntil((connections) => connections.filter(({ id, state }) => !known.has(id) && state === 'serving').length >= count);
    return connector;
  };

  return {
    edge, front, events, setup, ca: authority.pem,
    startOrigin: async (name) => {
      const origin = await startOrigin(name);
      origins.push(origin);
      return origin;
    },
    connect: (start, originUrl) => connectUntil(start, originUrl, 4),
    connectOne: (start, originUrl) => connectUntil(start, originUrl, 1),
    close: async () => {
      for (const connector of connectors) connector.kill();
      await front.close();
      await edge.close();
      await Promise.all(origins.map((origin) => origin.close()));
      await rm(directory, { recursive: true });
    },
  };
}

function lookUp(hostname: string, tunnelId: string): HostTarget {
  if (hostname === HOST) return { kind: 'tunnel', tunnelId };
  return hostname === 'elsewhere.example.com' ? { kind: 'elsewhere' } : { kind: 'none' };
}
