import type { OriginCert } from '../core/tunnel.js';
import type { CloudflareAccount, OpenAccount } from '../setup/ports.js';
import { createCloudflareClient, type CloudflareClient, type CloudflareClientOptions } from './client.js';
import { apiUrlOf, parseOriginCert } from './origin-cert.js';

/** The client of a certificate. The same one for the same token, so that what was learnt of it is kept. */
export type Connect = (certificate: OriginCert) => CloudflareClient;

export interface ConnectOptions extends Omit<CloudflareClientOptions, 'apiUrl' | 'token'> {
  /** `--api-url`; else the certificate says which API it belongs to. */
  readonly apiUrl: string | undefined;
}

/** Certificates that are in use at once: the old one, the new one, those of zones we left. */
const MOST_CLIENTS = 8;

export function createConnect(options: ConnectOptions): Connect {
  const clients = new Map<string, CloudflareClient>();
  return (certificate) => {
    const token = certificate.apiToken.reveal();
    const known = clients.get(token);
    if (known !== undefined) return known;
    const client = createCloudflareClient({ ...options, apiUrl: apiUrlOf(certificate, options.apiUrl), token: certificate.apiToken });
    const [oldest] = clients.keys();
    if (clients.size >= MOST_CLIENTS && oldest !== undefined) clients.delete(oldest);
    clients.set(token, client);
    return client;
  };
}

/** `OpenAccount` of setup/ports.ts over REST. */
export function createOpenAccount(connect: Connect): OpenAccount {
  return (pem) => {
    const certificate = parseOriginCert(pem);
    const client = connect(certificate);
    const tunnels = client.tunnelsOf(certificate.accountId);
    const account: CloudflareAccount = {
      certificate,
      readZone: async (signal) => {
        const zone = await client.zones.get(certificate.zoneId, signal);
        return zone ?? (await client.zones.list(signal)).find(({ id }) => id === certificate.zoneId);
      },
      findTunnel: async (name, signal) => (await tunnels.list(name, signal))[0],
      readTunnel: (tunnelId, signal) => tunnels.get(tunnelId, signal),
      createTunnel: (name, secret, signal) => tunnels.create(name, secret, signal),
      fetchCredentials: (tunnelId, signal) => tunnels.fetchCredentials(tunnelId, signal),
      listConnectors: (tunnelId, signal) => tunnels.listConnectors(tunnelId, signal),
      deleteTunnel: (tunnelId, signal) => tunnels.delete(tunnelId, { cascade: true }, signal),
    };
    return account;
  };
}
