import { Resolver } from 'node:dns/promises';
import { connect, isIP } from 'node:net';
import { errnoOf } from '../host/storage-error.js';
import type { NetworkState, ResolverState } from '../connector/ports.js';

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

/** `up` as soon as one address accepts a TCP connection. Given up by `signal` it says `down`. */
export async function checkNetwork(edge: readonly string[], signal?: AbortSignal): Promise<NetworkState> {
  const addresses = edge.length > 0 ? [...new Set(edge)].map(parseAddress) : await resolveEdge(signal);
  try {
    await Promise.any(addresses.map(async (address) => await tryConnect(address, signal)));
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
async function resolveEdge(signal: AbortSignal | undefined): Promise<readonly Address[]> {
  const resolver = createResolver(signal);
  const queries = EDGE_HOSTS.flatMap((host) => [resolver.resolve4(host), resolver.resolve6(host)]);
  const answers = await Promise.allSettled(queries);
  // Two of each answer: enough to know, and no scan of Cloudflare's network.
  const hosts = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value.slice(0, 2) : []));
  return hosts.map((host) => ({ host, port: EDGE_PORT }));
}

function createResolver(signal: AbortSignal | undefined): Resolver {
  const resolver = new Resolver({ timeout: RESOLVE_TIMEOUT_MS, tries: 1 });
  signal?.addEventListener('abort', () => resolver.cancel(), { once: true });
  return resolver;
}

async function tryConnect({ host, port }: Address, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host, port, ...(isIP(host) === 0 ? { autoSelectFamily: true } : {}), ...(signal === undefined ? {} : { signal }) });
    const timer = setTimeout(() => socket.destroy(new Error('no answer')), CONNECT_TIMEOUT_MS);
    socket.once('connect', () => {
      resolve();
      socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => clearTimeout(timer));
  });
}

/** Where it is not given, cloudflared looks Cloudflare's own up. */
export const isEdgeNamed = (edge: readonly string[]): boolean => edge.length === 0 || edge.some((text) => isIP(parseAddress(text).host) === 0);

/** What never left this machine. What a resolver has nothing to give to is answered all the same. */
const REFUSED = new Set(['ECONNREFUSED', 'EADDRGETNETWORKPARAMS', 'ENONAME', 'ECANCELLED']);

export async function askResolver(servers?: readonly string[], signal?: AbortSignal): Promise<ResolverState> {
  const resolver = createResolver(signal);
  if (servers !== undefined) resolver.setServers(servers);
  try {
    await resolver.resolve4(EDGE_HOSTS[0]);
    return 'answers';
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ETIMEOUT') return 'silent';
    return code === undefined || REFUSED.has(code) ? 'refuses' : 'answers';
  }
}
