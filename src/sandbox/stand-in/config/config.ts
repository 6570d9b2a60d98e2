/** cloudflared's configuration file, as it is written: nothing checked but the types, durations in ms. */

export interface AccessConfig {
  readonly required: boolean;
  readonly teamName: string;
  readonly audTag: readonly string[];
  readonly environment: string;
}

export interface IpRuleConfig {
  readonly prefix: string;
  readonly ports: readonly number[];
  readonly allow: boolean;
}

export interface OriginRequestConfig {
  readonly connectTimeout: number;
  readonly tlsTimeout: number;
  readonly tcpKeepAlive: number;
  readonly noHappyEyeballs: boolean;
  readonly keepAliveConnections: number;
  readonly keepAliveTimeout: number;
  readonly httpHostHeader: string;
  readonly originServerName: string;
  readonly matchSNItoHost: boolean;
  readonly caPool: string;
  readonly noTLSVerify: boolean;
  readonly disableChunkedEncoding: boolean;
  readonly bastionMode: boolean;
  readonly proxyAddress: string;
  readonly proxyPort: number;
  readonly proxyType: string;
  readonly ipRules: readonly Partial<IpRuleConfig>[];
  readonly http2Origin: boolean;
  readonly access: Partial<AccessConfig>;
}

export interface IngressRuleConfig {
  readonly hostname: string;
  readonly path: string;
  readonly service: string;
  readonly originRequest: Partial<OriginRequestConfig>;
}

export interface WarpRoutingConfig {
  readonly connectTimeout: number;
  readonly maxActiveFlows: number;
  readonly tcpKeepAlive: number;
}

export interface Config {
  /** The file; empty where there is none. */
  readonly source: string;
  readonly tunnel: string;
  readonly ingress: readonly Partial<IngressRuleConfig>[];
  readonly originRequest: Partial<OriginRequestConfig>;
  readonly warpRouting: Partial<WarpRoutingConfig>;
  /** All other keys of the top level: flags may take them. */
  readonly settings: ReadonlyMap<string, unknown>;
  /** What `ingress validate` says of keys that nothing takes; empty where there are none. */
  readonly warnings: string;
}

export const NO_CONFIG: Config = { source: '', tunnel: '', ingress: [], originRequest: {}, warpRouting: {}, settings: new Map(), warnings: '' };
