import { resolve } from 'node:path';
import { SupervisorError, type Problem } from '../core/errors.js';

/**
 * The options of `run`, as one table: the command line makes its flags from it, the environment is read by it, and
 * both values go through the same reader. A flag wins over the variable.
 */

export const ENVIRONMENT_PREFIX = 'CLOUDFLARED_SUPERVISOR_';

export const PROTOCOLS = ['auto', 'http2', 'quic'] as const;
export const REPLACE_MODES = ['overlap', 'restart'] as const;
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const;

export type Protocol = (typeof PROTOCOLS)[number];
export type ReplaceMode = (typeof REPLACE_MODES)[number];
export type LogLevel = (typeof LOG_LEVELS)[number];

/** cloudflared drains for no longer than three minutes, whatever it is told. */
const LONGEST_GRACE_PERIOD_MS = 180_000;

interface OptionSpec<T> {
  /** How help shows the value. */
  readonly value: string;
  readonly describe: string;
  /** Given several times, or comma-separated. */
  readonly repeatable: boolean;
  /** Throws an Error whose message completes "--option must …". */
  read(text: string): T;
}

const single = <T>(value: string, describe: string, read: (text: string) => T): OptionSpec<T> => ({ value, describe, repeatable: false, read });
const repeated = <T>(value: string, describe: string, read: (text: string) => T): OptionSpec<T> => ({ value, describe, repeatable: true, read });

export const RUN_OPTIONS = {
  user: single('NAME', 'the service user; as root, become this user first', readUserName),
  'base-dir': single('DIR', 'where everything is kept (~/.cloudflared/supervisor)', readPath),
  'state-dir': single('DIR', "where Portacode's state files are (~/.config/portacode)", readPath),
  socket: single('FILE', 'the control socket (control.sock in the base directory)', readPath),
  cloudflared: single('FILE', 'the cloudflared to run (found on PATH, else installed)', readPath),
  mirror: single('URL', 'where cloudflared is downloaded from, in place of Cloudflare', readMirrorUrl),
  'api-url': single('URL', "Cloudflare's API, with /client/v4", readApiUrl),
  edge: repeated('HOST:PORT', "Cloudflare's edge; repeatable, or comma-separated", readHostPort),
  'edge-ca': single('FILE', "the CA of the edge's certificate", readPath),
  protocol: single(PROTOCOLS.join('|'), 'between connector and edge', oneOf(PROTOCOLS)),
  connections: single('N', 'of one connector to the edge, 1 to 16', readConnections),
  'grace-period': single('DURATION', 'how long requests in flight may finish, as 30s; 3m at most', readGracePeriod),
  replace: single(REPLACE_MODES.join('|'), 'start the new connector beside the old one, or after it', oneOf(REPLACE_MODES)),
  'lease-file': single('FILE', "dnsmasq's lease file, for devices (/var/lib/misc/portacode_dnsmasq.leases)", readPath),
  'proxmox-ca': single('FILE', "the CA of Proxmox's certificate; without it and the next, proxmox_infra.json decides", readPath),
  'proxmox-fingerprint': single('SHA256', "the fingerprint of Proxmox's certificate", readFingerprint),
  'log-level': single(LOG_LEVELS.join('|'), 'how much is logged', oneOf(LOG_LEVELS)),
} as const satisfies Record<string, OptionSpec<unknown>>;

export type RunOptionName = keyof typeof RUN_OPTIONS;

type Camel<S extends string> = S extends `${infer Head}-${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;
type ValueOf<N extends RunOptionName> = (typeof RUN_OPTIONS)[N] extends { repeatable: boolean; read(text: string): infer T } ? T : never;

/** Every option by its name in camel case; undefined where it was not given. `edge` is a list, empty where not given. */
export type RunOptions = { readonly [N in Exclude<RunOptionName, 'edge'> as Camel<N>]: ValueOf<N> | undefined } & { readonly edge: readonly string[] };

export const variableOf = (name: string): string => ENVIRONMENT_PREFIX + name.toUpperCase().replaceAll('-', '_');

const camelCase = (name: string): string => name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

/**
 * Flags as the command line parsed them, by option name; every wrong one is reported at once.
 * @throws SupervisorError OPTION_INVALID
 */
export function readRunOptions(
  flags: Readonly<Partial<Record<RunOptionName, string | readonly string[] | undefined>>>,
  environment: Readonly<Record<string, string | undefined>>,
): RunOptions {
  const options: Record<string, unknown> = { edge: [] };
  const problems: Problem[] = [];
  for (const [name, spec] of Object.entries(RUN_OPTIONS) as [RunOptionName, OptionSpec<unknown>][]) {
    const flag = flags[name];
    const given = flag ?? environment[variableOf(name)];
    // An empty variable is how shells and units unset one.
    if (given === undefined || (flag === undefined && given === '')) continue;
    const field = flag === undefined ? variableOf(name) : `--${name}`;
    try {
      options[camelCase(name)] = readValue(spec, given);
    } catch (error) {
      problems.push({ field, code: 'VALUE_INVALID', message: `${field} must ${error instanceof Error ? error.message : String(error)}` });
    }
  }
  const [first] = problems;
  if (first !== undefined) throw new SupervisorError('OPTION_INVALID', problems.map((problem) => problem.message).join('; '), { problems });
  return options as RunOptions;
}

function readValue(spec: OptionSpec<unknown>, given: string | readonly string[]): unknown {
  const texts = typeof given === 'string' ? [given] : given;
  if (spec.repeatable) return texts.flatMap((text) => text.split(',')).map((text) => spec.read(text.trim()));
  const [text] = texts;
  if (text === undefined || texts.length > 1) throw new Error('be given once');
  return spec.read(text);
}

function oneOf<const T extends readonly string[]>(values: T): (text: string) => T[number] {
  return (text) => {
    if (!values.includes(text)) throw new Error(`be one of ${values.join(', ')}, and not ${quote(text)}`);
    return text;
  };
}

function readUserName(text: string): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\$?$/.test(text)) throw new Error(`be the name of a user, and not ${quote(text)}`);
  return text;
}

function readPath(text: string): string {
  if (text === '' || text.includes('\0')) throw new Error('be a path');
  return resolve(text);
}

function readApiUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.search !== '' || url.hash !== '' || url.username !== '')
    throw new Error(`be an http or https URL, and not ${quote(text)}`);
  const path = url.pathname.replace(/\/+$/, '');
  if (!path.endsWith('/client/v4')) throw new Error(`end with /client/v4, and not be ${quote(text)}`);
  return url.origin + path;
}

function readMirrorUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) throw new Error(`be an http or https URL, and not ${quote(text)}`);
  return url;
}

function readHostPort(text: string): string {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port < 1 || port > 65_535) throw new Error(`be HOST:PORT, and not ${quote(text)}`);
  return text;
}

/** As Proxmox and openssl show it; colons and capitals as one likes. */
function readFingerprint(text: string): string {
  const hex = text.replaceAll(':', '').toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(hex)) throw new Error(`be a SHA-256 in hex, and not ${quote(text)}`);
  return hex;
}

function readConnections(text: string): number {
  const connections = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  if (connections < 1 || connections > 16) throw new Error(`be a number from 1 to 16, and not ${quote(text)}`);
  return connections;
}

/** Go's way of writing durations, which is cloudflared's: `30s`, `1m30s`, `500ms`; bare numbers are seconds. */
function readGracePeriod(text: string): number {
  const ms = readDuration(text);
  if (ms === undefined) throw new Error(`be a duration like 30s or 1m30s, and not ${quote(text)}`);
  if (ms > LONGEST_GRACE_PERIOD_MS) throw new Error(`be at most 3m, and not ${quote(text)}`);
  return ms;
}

const UNIT_MS = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;

function readDuration(text: string): number | undefined {
  if (/^\d{1,6}$/.test(text)) return Number(text) * UNIT_MS.s;
  const match = /^(?:(\d{1,3})h)?(?:(\d{1,4})m)?(?:(\d{1,5}(?:\.\d{1,3})?)s)?(?:(\d{1,7})ms)?$/.exec(text);
  if (match === null || text === '') return undefined;
  const [, hours = 0, minutes = 0, seconds = 0, milliseconds = 0] = match;
  return Math.round(Number(hours) * UNIT_MS.h + Number(minutes) * UNIT_MS.m + Number(seconds) * UNIT_MS.s + Number(milliseconds));
}

/** What was given, safe to show: no control characters, and not endlessly long. */
const quote = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
