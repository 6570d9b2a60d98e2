import { redact } from '../../host/redact.js';

/** A command line of cloudflared that runs a tunnel, whoever wrote it: a unit, a script, or a running process. */
export interface Invocation {
  /** `quick-tunnel` has a passing name of Cloudflare's and no tunnel of the account. */
  readonly kind: 'run' | 'quick-tunnel';
  /** UUID or name, where the command line says which tunnel. */
  readonly tunnelRef: string | undefined;
  /** By their usual names; of one that is given twice, the last counts. Secrets are among them. */
  readonly flags: ReadonlyMap<string, string>;
}

/** Flags without a value. Every other flag takes the next word, unless it is written with `=`. */
const SWITCHES: ReadonlySet<string> = new Set([
  'no-autoupdate', 'no-prechecks', 'is-autoupdated', 'post-quantum', 'hello-world', 'socks5', 'bastion', 'ssh-server', 'no-tls-verify',
  'no-chunked-encoding', 'http2-origin', 'proxy-no-happy-eyeballs', 'quic-disable-pmtu-discovery', 'use-reconnect-token', 'stdin-control',
  'ui', 'management-diagnostics', 'proxy-dns', 'overwrite-dns', 'help', 'h', 'version', 'v', 'V', 'force', 'f',
]);

const ALIASES: Readonly<Record<string, string>> = {
  'cred-file': 'credentials-file', p: 'protocol', pq: 'post-quantum', n: 'name', F: 'features', 'proto-loglevel': 'transport-loglevel',
};

/** What cloudflared reads from its environment, of what matters here. */
const VARIABLES: Readonly<Record<string, string>> = {
  TUNNEL_TOKEN: 'token', TUNNEL_TOKEN_FILE: 'token-file', TUNNEL_CRED_FILE: 'credentials-file', TUNNEL_CRED_CONTENTS: 'credentials-contents',
  TUNNEL_ORIGIN_CERT: 'origincert', TUNNEL_METRICS: 'metrics', TUNNEL_URL: 'url', TUNNEL_UNIX_SOCKET: 'unix-socket', TUNNEL_HELLO_WORLD: 'hello-world',
  TUNNEL_BASTION: 'bastion', TUNNEL_NAME: 'name', TUNNEL_TRANSPORT_PROTOCOL: 'protocol', TUNNEL_GRACE_PERIOD: 'grace-period',
  TUNNEL_EDGE_IP_VERSION: 'edge-ip-version', TUNNEL_EDGE_BIND_ADDRESS: 'edge-bind-address', TUNNEL_REGION: 'region', TUNNEL_TAG: 'tag',
  TUNNEL_POST_QUANTUM: 'post-quantum', TUNNEL_HTTP_HOST_HEADER: 'http-host-header', TUNNEL_ORIGIN_SERVER_NAME: 'origin-server-name',
  TUNNEL_ORIGIN_CA_POOL: 'origin-ca-pool', NO_TLS_VERIFY: 'no-tls-verify', TUNNEL_NO_CHUNKED_ENCODING: 'no-chunked-encoding',
  TUNNEL_ORIGIN_ENABLE_HTTP2: 'http2-origin', TUNNEL_LOGLEVEL: 'loglevel',
};

/** Their values are secrets, or hold some. */
const SECRET_FLAGS: ReadonlySet<string> = new Set(['token', 'credentials-contents', 'api-key', 'api-ca-key', 'secret-id', 'access-key-id', 'session-token']);

const PROGRAM = /(?:^|[/=])cloudflared(?!-supervisor)(?:[._-][\w.-]*)?$/;
/** A wrapper's own words may stand before it: `tini --`, `nohup`, an emulator. */
const WORDS_BEFORE = 4;

/** Where in a command line cloudflared stands; undefined where it does not. */
export function findProgram(words: readonly string[]): number | undefined {
  const index = words.slice(0, WORDS_BEFORE).findIndex((word) => PROGRAM.test(word));
  return index === -1 ? undefined : index;
}

/** Undefined where this is not cloudflared, or not one of its commands that run a tunnel. */
export function parseInvocation(words: readonly string[]): Invocation | undefined {
  const program = findProgram(words);
  if (program === undefined) return undefined;
  const { flags, positionals } = sortWords(words.slice(program + 1));
  const [command, subcommand, ref] = positionals;
  if (command !== 'tunnel') return undefined;
  if (subcommand === 'run') return { kind: 'run', tunnelRef: ref, flags };
  if (subcommand !== undefined) return undefined;
  // `tunnel --name N --url U` makes the tunnel, routes its name and runs it.
  if (flags.has('name')) return { kind: 'run', tunnelRef: flags.get('name'), flags };
  return flags.has('url') || flags.has('hello-world') || flags.has('unix-socket') ? { kind: 'quick-tunnel', tunnelRef: undefined, flags } : undefined;
}

/** The same with what the environment adds: a flag wins over its variable. */
export function withEnvironment(invocation: Invocation, environment: Readonly<Record<string, string>>): Invocation {
  const flags = new Map<string, string>();
  for (const [variable, flag] of Object.entries(VARIABLES)) {
    const value = environment[variable];
    if (value !== undefined && value !== '') flags.set(flag, value);
  }
  for (const [flag, value] of invocation.flags) flags.set(flag, value);
  return { ...invocation, flags };
}

/** For people: the words without the secrets in them. */
export function showCommandLine(words: readonly string[]): string {
  let isSecret = false;
  return words.map((word) => {
    const hidden = isSecret;
    isSecret = false;
    const [, name = '', value] = /^--?([^=]+)(=.*)?$/s.exec(word) ?? [];
    if (hidden && name === '') return '[redacted]';
    if (!SECRET_FLAGS.has(name)) return quoteWord(redact(word));
    isSecret = value === undefined;
    return value === undefined ? word : word.slice(0, word.indexOf('=') + 1) + '[redacted]';
  }).join(' ');
}

const quoteWord = (word: string): string => (/^[\w@%+=:,./[\]*-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`);

function sortWords(words: readonly string[]): { readonly flags: ReadonlyMap<string, string>; readonly positionals: readonly string[] } {
  const flags = new Map<string, string>();
  const positionals: string[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (word === '--') {
      positionals.push(...words.slice(index + 1));
      break;
    }
    const [, given, , value] = /^--?([A-Za-z0-9][^=]*)(=(.*))?$/s.exec(word) ?? [];
    if (given === undefined) {
      positionals.push(word);
      continue;
    }
    const name = ALIASES[given] ?? given;
    if (value !== undefined) flags.set(name, value);
    else if (SWITCHES.has(name)) flags.set(name, 'true');
    else {
      index += 1;
      flags.set(name, words[index] ?? '');
    }
  }
  return { flags, positionals };
}
