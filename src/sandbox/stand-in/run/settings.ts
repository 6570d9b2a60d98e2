import { readFileSync } from 'node:fs';
import { env } from 'node:process';

import type { Credentials } from '../account/tunnel-credentials.js';
import type { Context } from '../command-line/context.js';
import { searchedFor } from '../config/default-paths.js';
import type { Config } from '../config/config.js';
import { goPathError } from '../config/load-config.js';
import { Failure } from '../failure.js';
import type { Logger } from '../log/logger.js';
import { systemRoots } from '../net/system-roots.js';
import { BUILD_TYPE, osArch, VERSION } from '../version.js';

/** What `run` was told about itself, checked. */
export interface RunSettings {
  readonly tags: readonly (readonly [name: string, value: string])[];
  /** PEM; empty trusts nobody. */
  readonly edgeCa: string;
  readonly gracePeriodMs: number;
  /** Told to the edge with the configuration. */
  readonly reportedFlags: Readonly<Record<string, string>>;
}

const MAX_GRACE_PERIOD_MS = 180_000;
const TAG = /^([a-zA-Z0-9!#$%&'*+\-.^_`|~]+)=([\u0020-\u007e]+)$/u;
const SECRET_FLAGS = new Set(['token', 'credentials-contents']);
const SECRET_VARIABLES = new Set(['TUNNEL_TOKEN', 'TUNNEL_CRED_CONTENTS']);
const REPORTED_FLAGS = [
  'autoupdate-freq', 'no-autoupdate', 'retries', 'protocol', 'loglevel', 'transport-loglevel', 'origincert', 'metrics', 'metrics-update-freq',
  'edge-ip-version', 'edge-bind-address', 'max-active-flows',
];
const PROTOCOLS =
  "Available protocols: 'auto' - automatically chooses the best protocol over time (the default; and also the recommended one); " +
  "'quic' - based on QUIC, relying on UDP egress to Cloudflare edge; 'http2' - using Go's HTTP2 library, relying on TCP egress to Cloudflare edge";

const asMap = (entries: readonly (readonly [string, string])[]): string =>
  `map[${[...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}:${value}`).join(' ')}]`;

/** The first lines of a connector's log. */
export function logSettings(context: Context, config: Config, credentials: Credentials, log: Logger): void {
  log.info('Starting tunnel', { tunnelID: credentials.tunnelId });
  if (config.source === '' && context.text('token') === '') log.info(`Cannot determine default configuration path. ${searchedFor()}`);
  log.info(`Version ${VERSION} (Checksum none)`);
  log.info(`Built with ${BUILD_TYPE}`);
  const [system = '', architecture = ''] = osArch().split('_');
  log.info(`GOOS: ${system}, GOVersion: none, GoArch: ${architecture}`);
  const given = [...context.given()].map(([name, value]) => [name, SECRET_FLAGS.has(name) ? '*****' : value] as const);
  if (given.length > 0) log.info(`Settings: ${asMap(given)}`);
  const variables = Object.entries(env)
    .filter(([name, value]) => name.includes('TUNNEL_') && value?.includes('=') === false)
    .map(([name, value = '']) => [name, SECRET_VARIABLES.has(name) ? '*****' : value] as const);
  if (variables.length > 0) log.info(`Environmental variables ${asMap(variables)}`);
}

function checkProtocol(protocol: string, log: Logger): void {
  if (!['auto', 'quic', 'http2', 'h2mux'].includes(protocol)) throw new Failure(`unknown protocol ${protocol}, ${PROTOCOLS}`);
  if (protocol === 'quic') log.warn('This stand-in speaks http2 only, and does so now.');
  log.info('Initial protocol http2');
}

function readEdgeCa(path: string): string {
  if (path === '') return systemRoots();
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Failure(`unable to create TLS config to connect with edge: Error loading root CAs: Error reading certificate ${path}: ${goPathError('open', path, error)}`);
  }
}

/** Throws a Failure with cloudflared's words. */
export function readSettings(context: Context, log: Logger): RunSettings {
  const tags = context.list('tag').map((text): readonly [string, string] => {
    const [, name, value] = TAG.exec(text) ?? [];
    if (name === undefined || value === undefined) throw new Failure(`Tag parse failure: Cannot parse tag value ${text}`);
    return [name, value];
  });
  checkProtocol(context.text('protocol'), log);
  const edgeCa = readEdgeCa(context.text('cacert'));
  const gracePeriodMs = context.durationMs('grace-period');
  if (gracePeriodMs > MAX_GRACE_PERIOD_MS) throw new Failure('grace-period must be equal or less than 3m0s');
  const ipVersion = context.text('edge-ip-version');
  if (!['4', '6', 'auto'].includes(ipVersion)) throw new Failure(`invalid value for edge-ip-version: ${ipVersion}`);
  const reported = REPORTED_FLAGS.filter((name) => context.isSet(name) && context.text(name) !== '').map((name) => [name, context.text(name)]);
  return { tags, edgeCa, gracePeriodMs, reportedFlags: Object.fromEntries(reported) as Record<string, string> };
}
