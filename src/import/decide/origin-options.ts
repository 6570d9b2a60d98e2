import { parseDestination } from '../../core/destination.js';
import { ORIGIN_OPTION_NAMES, type OriginOptionName, type OriginOptions } from '../../core/rule.js';
import { cannotBeCertified } from '../../forwarding/tls-verification.js';
import type { OriginRequest } from '../parse/config-file.js';

/** YAML of 1.1 has more words for it, and cloudflared takes them. */
const TRUE: ReadonlySet<unknown> = new Set([true, 'true', 'True', 'TRUE', 'yes', 'Yes', 'YES', 'on', 'On', 'ON', 'y', 'Y']);
const FALSE: ReadonlySet<unknown> = new Set([false, 'false', 'False', 'FALSE', 'no', 'No', 'NO', 'off', 'Off', 'OFF', 'n', 'N']);
const SWITCHES: ReadonlySet<string> = new Set<OriginOptionName>(['noHappyEyeballs', 'matchSNItoHost', 'noTLSVerify', 'disableChunkedEncoding', 'bastionMode', 'http2Origin']);
const TEXTS: ReadonlySet<string> = new Set<OriginOptionName>(['httpHostHeader', 'originServerName', 'caPool', 'proxyAddress', 'proxyType']);

/** A single service's options, as flags and as settings at the top of the file, and what they are called in a rule. */
const OLD_NAMES: Readonly<Record<string, OriginOptionName>> = {
  'proxy-connect-timeout': 'connectTimeout', 'proxy-tls-timeout': 'tlsTimeout', 'proxy-tcp-keepalive': 'tcpKeepAlive',
  'proxy-no-happy-eyeballs': 'noHappyEyeballs', 'proxy-keepalive-connections': 'keepAliveConnections', 'proxy-keepalive-timeout': 'keepAliveTimeout',
  'http-host-header': 'httpHostHeader', 'origin-server-name': 'originServerName', 'origin-ca-pool': 'caPool', 'no-tls-verify': 'noTLSVerify',
  'no-chunked-encoding': 'disableChunkedEncoding', 'http2-origin': 'http2Origin',
};

export interface MergedOptions {
  readonly options: OriginOptions;
  /** Keys that cloudflared does not know, and passes over. */
  readonly unknown: readonly string[];
}

/**
 * A rule's options with those of the whole file under them, as cloudflared has them. One exception is its own: it asks
 * for Access only where the rule itself says so, so what the file says of that is left out.
 */
export function mergeOptions(ofFile: OriginRequest, ofRule: OriginRequest): MergedOptions {
  const { access: _notForAll, ...shared } = ofFile;
  const options: Record<string, unknown> = {};
  const unknown: string[] = [];
  for (const [name, value] of Object.entries({ ...shared, ...withoutNulls(ofRule) })) {
    if (value === null || value === undefined) continue;
    if (isOptionName(name)) options[name] = normalize(name, value);
    else unknown.push(name);
  }
  return { options, unknown };
}

/** Options of a tunnel with a single service (`--url`). */
export function readOldOptions(settings: ReadonlyMap<string, string>): OriginRequest {
  const options: Record<string, unknown> = {};
  for (const [old, name] of Object.entries(OLD_NAMES)) {
    const value = settings.get(old);
    if (value !== undefined) options[name] = name === 'keepAliveConnections' ? Number(value) : value;
  }
  return options;
}

/** Here an origin that nobody can certify is not verified unless the rule says so; cloudflared verifies it. Then the rule says so. */
export function keepVerifying(destination: string, options: OriginOptions): OriginOptions {
  if (options.noTLSVerify !== undefined || options.caPool !== undefined) return options;
  const parsed = parseDestination(destination);
  return parsed.ok && cannotBeCertified(parsed.value.destination) ? { ...options, noTLSVerify: false } : options;
}

function normalize(name: OriginOptionName, value: unknown): unknown {
  if (SWITCHES.has(name)) return TRUE.has(value) ? true : FALSE.has(value) ? false : value;
  if (TEXTS.has(name) && typeof value === 'number') return String(value);
  return value;
}

const isOptionName = (name: string): name is OriginOptionName => (ORIGIN_OPTION_NAMES as readonly string[]).includes(name);
const withoutNulls = (options: OriginRequest): OriginRequest => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== null));
