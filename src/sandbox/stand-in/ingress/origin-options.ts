import type { OriginRequestConfig } from '../config/config.js';

/** How a rule's origin is spoken to, nothing left open. Times in ms. */
export type OriginOptions = OriginRequestConfig;

export const DEFAULT_ORIGIN_OPTIONS: OriginOptions = {
  connectTimeout: 30_000,
  tlsTimeout: 10_000,
  tcpKeepAlive: 30_000,
  noHappyEyeballs: false,
  keepAliveConnections: 100,
  keepAliveTimeout: 90_000,
  httpHostHeader: '',
  originServerName: '',
  matchSNItoHost: false,
  caPool: '',
  noTLSVerify: false,
  disableChunkedEncoding: false,
  bastionMode: false,
  proxyAddress: '127.0.0.1',
  proxyPort: 0,
  proxyType: '',
  ipRules: [],
  http2Origin: false,
  access: {},
};

/** What the rule of a connector without any rules shows: cloudflared leaves it all empty. */
export const EMPTY_ORIGIN_OPTIONS: OriginOptions = {
  ...DEFAULT_ORIGIN_OPTIONS,
  connectTimeout: 0,
  tlsTimeout: 0,
  tcpKeepAlive: 0,
  keepAliveConnections: 0,
  keepAliveTimeout: 0,
  proxyAddress: '',
};

export const overrideOptions = (defaults: OriginOptions, overrides: Partial<OriginOptions>): OriginOptions => ({
  ...defaults,
  ...overrides,
  ipRules: overrides.ipRules === undefined || overrides.ipRules.length === 0 ? defaults.ipRules : overrides.ipRules,
});

const TIMES = new Set(['connectTimeout', 'tlsTimeout', 'tcpKeepAlive', 'keepAliveTimeout']);

/** In seconds, as the answer of `/config` has them. */
const written = (name: string, value: unknown): unknown => (TIMES.has(name) ? Number(value) / 1000 : value);

/** As `/config` shows them: all of them, in cloudflared's order and spelling. */
export const showOptions = (options: OriginOptions): Readonly<Record<string, unknown>> => ({
  connectTimeout: written('connectTimeout', options.connectTimeout),
  tlsTimeout: written('tlsTimeout', options.tlsTimeout),
  tcpKeepAlive: written('tcpKeepAlive', options.tcpKeepAlive),
  noHappyEyeballs: options.noHappyEyeballs,
  keepAliveTimeout: written('keepAliveTimeout', options.keepAliveTimeout),
  keepAliveConnections: options.keepAliveConnections,
  httpHostHeader: options.httpHostHeader,
  originServerName: options.originServerName,
  matchSNItoHost: options.matchSNItoHost,
  caPool: options.caPool,
  noTLSVerify: options.noTLSVerify,
  disableChunkedEncoding: options.disableChunkedEncoding,
  bastionMode: options.bastionMode,
  proxyAddress: options.proxyAddress,
  proxyPort: options.proxyPort,
  proxyType: options.proxyType,
  ipRules: options.ipRules.length === 0 ? null : options.ipRules.map(() => ({})),
  http2Origin: options.http2Origin,
  access: {
    ...(options.access.required === true ? { required: true } : {}),
    teamName: options.access.teamName ?? '',
    audTag: options.access.audTag ?? null,
    ...(options.access.environment === undefined || options.access.environment === '' ? {} : { environment: options.access.environment }),
  },
});

/** As the edge is told: only what differs from the defaults. */
export function reportOptions(options: OriginOptions): Readonly<Record<string, unknown>> {
  const differing = Object.entries(options).filter(([name, value]) => {
    const standard: unknown = DEFAULT_ORIGIN_OPTIONS[name as keyof OriginOptions];
    return JSON.stringify(value) !== JSON.stringify(standard);
  });
  return Object.fromEntries(differing.map(([name, value]) => [name, written(name, value)]));
}
