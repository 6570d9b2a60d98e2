import { isDeepStrictEqual } from 'node:util';
import { durationSeconds } from './duration.js';
import { isObject } from './json.js';

/** One rule of cloudflared's configuration, as rendered and as its `/config` shows it. */
export interface IngressRule {
  readonly hostname?: string;
  /** RE2, anchored. */
  readonly path?: string;
  readonly service: string;
  readonly originRequest?: Readonly<Record<string, unknown>>;
}

/** What cloudflared fills in. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  connectTimeout: 30,
  tlsTimeout: 10,
  tcpKeepAlive: 30,
  noHappyEyeballs: false,
  keepAliveTimeout: 90,
  keepAliveConnections: 100,
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
  http2Origin: false,
};
const DURATIONS: ReadonlySet<string> = new Set(['connectTimeout', 'tlsTimeout', 'tcpKeepAlive', 'keepAliveTimeout']);
const DEFAULT_PORTS: Readonly<Record<string, number>> = { ssh: 22, rdp: 3389, smb: 445, tcp: 7864 };

/**
 * Compares what we rendered with what a connector's `/config` shows (`config.ingress`, parsed). It fills in every
 * default, shows durations in seconds, adds default ports, and hides what is in `ipRules`. Keys that it does not show
 * (an older one) or that we do not know (a newer one) do not count. Undefined: the same; else for a person.
 */
export function firstDifference(expected: readonly IngressRule[], shown: unknown): string | undefined {
  if (!Array.isArray(shown)) return 'it shows no ingress rules';
  if (shown.length !== expected.length) return `it shows ${shown.length} ingress rules instead of ${expected.length}`;
  for (const [index, rule] of expected.entries()) {
    const field = differingField(rule, shown[index]);
    if (field !== undefined) return `it shows another ${field} in ingress rule ${index}`;
  }
  return undefined;
}

function differingField(expected: IngressRule, shown: unknown): string | undefined {
  if (!isObject(shown)) return 'thing';
  if ((shown['hostname'] ?? '') !== (expected.hostname ?? '')) return 'hostname';
  if ((shown['path'] ?? null) !== (expected.path ?? null)) return 'path';
  if (shown['service'] !== shownService(expected)) return 'service';
  return differingOption(expected.originRequest ?? {}, shown['originRequest']);
}

function shownService({ service, originRequest }: IngressRule): string {
  const scheme = /^([a-z]+):\/\//.exec(service)?.[1];
  if (scheme !== undefined && originRequest?.['bastionMode'] === true) return 'bastion';
  const port = scheme === undefined ? undefined : DEFAULT_PORTS[scheme];
  return port !== undefined && !/:\d+$/.test(service) ? `${service}:${port}` : service;
}

function differingOption(options: Readonly<Record<string, unknown>>, shown: unknown): string | undefined {
  if (!isObject(shown)) return Object.keys(options).length === 0 ? undefined : 'originRequest';
  for (const [name, standard] of Object.entries(DEFAULTS)) {
    if (!Object.hasOwn(shown, name)) continue;
    const wanted = options[name] ?? standard;
    if (shown[name] === wanted) continue;
    if (!DURATIONS.has(name) || typeof wanted !== 'string' || !sameSeconds(wanted, shown[name])) return name;
  }
  if (Object.hasOwn(shown, 'ipRules') && countOf(shown['ipRules']) !== countOf(options['ipRules'])) return 'ipRules';
  return Object.hasOwn(shown, 'access') && !sameAccess(options['access'], shown['access']) ? 'access' : undefined;
}

function sameSeconds(wanted: string, shown: unknown): boolean {
  const seconds = durationSeconds(wanted);
  return typeof shown === 'number' && seconds !== undefined && Math.abs(seconds - shown) <= Math.max(1e-9, shown * 1e-9);
}

/** What is left out is empty, on both sides. */
function sameAccess(wanted: unknown, shown: unknown): boolean {
  const fill = (value: unknown): unknown => {
    const given = isObject(value) ? value : {};
    return [given['required'] ?? false, given['teamName'] ?? '', given['audTag'] ?? [], given['environment'] ?? ''];
  };
  return isDeepStrictEqual(fill(wanted), fill(shown));
}

const countOf = (list: unknown): number => (Array.isArray(list) ? list.length : 0);
