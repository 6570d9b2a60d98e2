/** What a user asks for. Validation (forwarding/validate.ts) is the only maker of `ValidRule`. */

/** cloudflared's own keys of `originRequest`, as it spells them. */
export const ORIGIN_OPTION_NAMES = [
  'connectTimeout', 'tlsTimeout', 'tcpKeepAlive', 'noHappyEyeballs', 'keepAliveConnections', 'keepAliveTimeout',
  'httpHostHeader', 'originServerName', 'matchSNItoHost', 'caPool', 'noTLSVerify', 'disableChunkedEncoding',
  'bastionMode', 'proxyAddress', 'proxyPort', 'proxyType', 'ipRules', 'http2Origin', 'access',
] as const;

export type OriginOptionName = (typeof ORIGIN_OPTION_NAMES)[number];
export type OriginOptions = { readonly [K in OriginOptionName]?: unknown };

/** A rule as it arrives and as it is stored: strings, nothing derived. */
export interface ForwardingRule {
  /** A name in the zone, the zone itself, or a one-label wildcard. */
  readonly hostname: string;
  /** A prefix by segment, begins with `/`; absent is everything. */
  readonly path?: string;
  /** `http(s)://host:port`, `http(s)://[device]:port`, `ws(s)`, `tcp`, `ssh`, `rdp`, `smb`, `unix:`, `unix+tls:`, `http_status:`, `hello_world`. */
  readonly destination: string;
  readonly originRequest?: OriginOptions;
}

/** Where a rule leads, parsed. */
export type Destination =
  /** `service` is what cloudflared gets. */
  | { readonly kind: 'service'; readonly service: string; readonly scheme: string; readonly host: string | undefined }
  /** A Portacode device; its address comes from the resolver. */
  | { readonly kind: 'device'; readonly scheme: 'http' | 'https'; readonly deviceId: string; readonly port: number };

declare const validRule: unique symbol;

/** A rule that passed validation: normalized name, parsed destination. */
export interface ValidRule {
  readonly [validRule]: true;
  readonly hostname: string;
  readonly path: string | undefined;
  readonly destination: Destination;
  /** As stored again: normalized, without what was derived. */
  readonly rule: ForwardingRule;
}

/** What a device answers to now. */
export type DeviceAddress =
  | { readonly kind: 'found'; readonly address: string; readonly mac: string | undefined; readonly source: 'lease' | 'static' | 'interfaces' | 'last-known'; /** What could not be asked; a warning says so. */ readonly doubt?: string }
  | { readonly kind: 'unresolved'; readonly reason: string };

export type RuleStatus = 'live' | 'unresolved' | 'outside-zone';
