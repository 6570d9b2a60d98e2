/** Where the parts of a sandbox are, for who is to be pointed at it. */
export interface SandboxPlaces {
  /** With `/client/v4`. */
  readonly apiUrl: string;
  readonly proxyUrl: string;
  /** `host:port` of the edge's listeners. */
  readonly edgeAddresses: readonly string[];
  /** PEM file of the sandbox's authority. */
  readonly caFile: string;
  /** The cloudflared to run, where it is not to be looked for on PATH. */
  readonly cloudflared: string | undefined;
}

/** Twice what one connector keeps: with fewer entries than connections, or a lone refused one, cloudflared spins. */
const EDGE_ENTRIES = 8;

export function edgeEntries(addresses: readonly string[]): readonly string[] {
  if (addresses.length === 0) return [];
  return Array.from({ length: Math.max(EDGE_ENTRIES, addresses.length) }, (_, index) => addresses[index % addresses.length] ?? '');
}

/** Points the supervisor at a sandbox: options that anyone could set, nothing of our own. */
export const supervisorEnvironment = ({ apiUrl, proxyUrl, edgeAddresses, caFile, cloudflared }: SandboxPlaces): Record<string, string> => ({
  CLOUDFLARED_SUPERVISOR_API_URL: apiUrl,
  CLOUDFLARED_SUPERVISOR_EDGE: edgeEntries(edgeAddresses).join(','),
  CLOUDFLARED_SUPERVISOR_EDGE_CA: caFile,
  CLOUDFLARED_SUPERVISOR_PROTOCOL: 'http2',
  ...(cloudflared === undefined ? {} : { CLOUDFLARED_SUPERVISOR_CLOUDFLARED: cloudflared }),
  // No NO_PROXY: the API, the edge and the connectors are on loopback, where nobody goes through a proxy.
  HTTPS_PROXY: proxyUrl,
  SSL_CERT_FILE: caFile,
});

/** Points a cloudflared that is run by hand at a sandbox, together with `HTTPS_PROXY` and `SSL_CERT_FILE`. */
export const cloudflaredEnvironment = ({ apiUrl, edgeAddresses, caFile }: SandboxPlaces): Record<string, string> => ({
  TUNNEL_API_URL: apiUrl,
  TUNNEL_EDGE: edgeEntries(edgeAddresses).join(','),
  TUNNEL_CACERT: caFile,
  TUNNEL_TRANSPORT_PROTOCOL: 'http2',
  TUNNEL_NO_PRECHECKS: 'true',
  NO_AUTOUPDATE: 'true',
});
