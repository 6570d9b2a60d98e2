import type { ConnectionOptions } from 'node:tls';
import type { Agent, Dispatcher, ProxyAgent } from 'undici';
import { readTrustedRoots } from './certificates.js';
import type { Environment } from './child-environment.js';
import { proxyChooser } from './proxy.js';
import { loadUndici } from './undici.js';

export interface DispatcherOptions {
  readonly env: Environment;
  /** Trusted beside the system's or the environment's roots. */
  readonly caFiles?: readonly string[];
  /** For one server's sake (a fingerprint, no verification): goes over `caFiles`. */
  readonly tls?: Pick<ConnectionOptions, 'ca' | 'checkServerIdentity' | 'rejectUnauthorized' | 'servername'>;
  readonly connectTimeoutMs?: number;
  /** From the request to the first byte of the answer. */
  readonly headersTimeoutMs?: number;
  /** Between two pieces of the answer; 0 is for ever, for streams that may be quiet. */
  readonly bodyTimeoutMs?: number;
}

const CONNECT_TIMEOUT_MS = 10_000;
const HEADERS_TIMEOUT_MS = 30_000;
const BODY_TIMEOUT_MS = 30_000;

/**
 * What our own requests go through: proxies and certificates as the environment says, loopback never through a proxy.
 * Close it when done, or its idle connections keep the process alive. undici is loaded here and not before.
 * @throws SupervisorError OPTION_INVALID
 */
export async function createDispatcher(options: DispatcherOptions): Promise<Dispatcher> {
  const chooseProxy = proxyChooser(options.env);
  const ca = await readTrustedRoots(options.env, options.caFiles);
  const { Agent, Dispatcher, ProxyAgent } = await loadUndici();

  const tls = { ...(ca === undefined ? {} : { ca }), ...options.tls, timeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS };
  const timeouts = { headersTimeout: options.headersTimeoutMs ?? HEADERS_TIMEOUT_MS, bodyTimeout: options.bodyTimeoutMs ?? BODY_TIMEOUT_MS };
  const direct = new Agent({ ...timeouts, connect: tls });
  const proxied = new Map<string, ProxyAgent>();

  const agentFor = (origin: URL): Agent | ProxyAgent => {
    const proxy = chooseProxy(origin);
    if (proxy === undefined) return direct;
    const key = `${origin.protocol}${proxy.href}`;
    const known = proxied.get(key);
    if (known !== undefined) return known;
    // Plain http is not tunnelled: many proxies allow CONNECT to port 443 only.
    const agent = new ProxyAgent({ ...timeouts, uri: proxy.href, proxyTunnel: origin.protocol === 'https:', requestTls: tls, proxyTls: tls });
    proxied.set(key, agent);
    return agent;
  };
  const agents = (): readonly (Agent | ProxyAgent)[] => [direct, ...proxied.values()];

  return new (class extends Dispatcher {
    override dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
      return agentFor(new URL(request.origin ?? '')).dispatch(request, handler);
    }

    override async close(): Promise<void> {
      await Promise.all(agents().map(async (agent) => agent.close()));
    }

    override async destroy(): Promise<void> {
      await Promise.all(agents().map(async (agent) => agent.destroy()));
    }
  })();
}
