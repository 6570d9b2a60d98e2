import { Resolver } from 'node:dns/promises';
import { connect, isIP } from 'node:net';
import type { NetworkState } from '../connector/ports.js';

/** Whether the edge can be reached, and whether names can be resolved: by trying, never by what a log says. */

/** Cloudflare's own, where no other edge is given. */
const EDGE_HOSTS = ['region1.v2.argotunnel.com', 'region2.v2.argotunnel.com'] as const;
const EDGE_PORT = 7844;
const CONNECT_TIMEOUT_MS = 3_000;
const RESOLVE_TIMEOUT_MS = 2_000;

interface Address {
  readonly host: string;
  readonly port: number;
}

/** `up` as soon as one address accepts a TCP connection. */
export async function checkNetwork(edge: readonly string[]): Promise<NetworkState> {
  const addresses = edge.length > 0 ? [...new Set(edge)].map(parseAddress) : await resolveEdge();
  try {
    await Promise.any(addresses.map(tryConnect));
    return 'up';
  } catch {
    return 'down'; // All refused or were silent; or there is no address to try.
  }
}

function parseAddress(text: string): Address {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(text.slice(colon + 1)) };
}

/** Not through the C library: that blocks a thread for as long as a dead resolver takes. */
async function resolveEdge(): Promise<readonly Address[]> {
  const resolver = new Resolver({ timeout: RESOLVE_TIMEOUT_MS, tries: 1 });
  const queries = EDGE_HOSTS.flatMap((host) => [resolver.resolve4(host), resolver.resolve6(host)]);
  const answers = await Promise.allSettled(queries);
  // Two of each answer: enough to know, and no scan of Cloudflare's network.
  const hosts = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value.slice(0, 2) : []));
  return hosts.map((host) => ({ host, port: EDGE_PORT }));
}

async function tryConnect({ host, port }: Address): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host, port, ...(isIP(host) === 0 ? { autoSelectFamily: true } : {}) });
    const timer = setTimeout(() => socket.destroy(new Error('no answer')), CONNECT_TIMEOUT_MS);
    socket.once('connect', () => {
      resolve();
      socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => clearTimeout(timer));
  });
}

/** What a resolver says when it has been asked and has nothing to give: it answers. */
const SILENT = new Set(['ETIMEOUT', 'ECONNREFUSED', 'EADDRGETNETWORKPARAMS', 'ENONAME', 'ECANCELLED']);

export async function checkResolver(servers?: readonly string[]): Promise<boolean> {
  const resolver = new Resolver({ timeout: RESOLVE_TIMEOUT_MS, tries: 1 });
  if (servers !== undefined) resolver.setServers(servers);
  try {
    await resolver.resolve4(EDGE_HOSTS[0]);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && typeof error.code === 'string' && !SILENT.has(error.code);
  }
}
