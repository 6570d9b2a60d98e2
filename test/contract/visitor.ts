import { request, type ClientRequest, type IncomingMessage } from 'node:http';

import type { Sandbox } from '../../src/sandbox/sandbox.js';
import type { Tunnel } from '../../src/sandbox/world/tunnels.js';

export interface Visit {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** False where it broke off. */
  readonly isComplete: boolean;
}

let names = 0;

/** A name of the sandbox's zone that leads to the tunnel, by a record of its own. */
export function nameFor(sandbox: Sandbox, tunnel: Tunnel, label?: string): string {
  const zone = sandbox.world.zones.find();
  if (zone === undefined) throw new Error('The sandbox has no zone.');
  names += 1;
  const name = `${label ?? `n${names}`}.${zone.name}`;
  sandbox.world.records.create(zone, { type: 'CNAME', name, content: `${tunnel.id}.cfargotunnel.com`, proxied: true });
  return name;
}

export function openVisit(sandbox: Sandbox, hostname: string, visit: Visit = {}): ClientRequest {
  return request(`${sandbox.visitorsUrl}${visit.path ?? '/'}`, { method: visit.method ?? 'GET', headers: { Host: hostname, ...visit.headers }, agent: false });
}

export function readAnswer(asking: ClientRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    asking.once('error', reject);
    asking.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      // What breaks off ends in an error, and then in 'close' as well.
      response.on('error', () => undefined);
      response.once('close', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString(), isComplete: response.complete }));
    });
  });
}

/** Resolves with the first bytes of the body, when they have come. */
export const firstBytes = (asking: ClientRequest): Promise<string> =>
  new Promise((resolve) => {
    asking.once('response', (response) => response.once('data', (chunk: Buffer) => resolve(chunk.toString())));
  });

/** Asks at the edge, as a browser would. */
export function visit(sandbox: Sandbox, hostname: string, options: Visit = {}): Promise<Answer> {
  const asking = openVisit(sandbox, hostname, options);
  asking.end(options.body);
  return readAnswer(asking);
}
