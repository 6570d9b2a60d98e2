/** Where programs are found when PATH is not given, and for everything that runs as root. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export type Environment = Readonly<Record<string, string | undefined>>;

const EITHER_CASE = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'SSL_CERT_FILE', 'SSL_CERT_DIR'] as const;
export type EitherCaseVariable = (typeof EITHER_CASE)[number];

/** Lower case wins, as in curl, Go and undici. An empty variable counts as not set. */
export function readEitherCase(env: Environment, name: EitherCaseVariable): string | undefined {
  const lower = env[name.toLowerCase()];
  const value = lower === undefined || lower === '' ? env[name] : lower;
  return value === '' ? undefined : value;
}

export interface ChildEnvironmentOptions {
  /** Our own environment: `process.env`. */
  readonly env: Environment;
  /** Of the service user, or the private one of a login; never what the variable HOME says. */
  readonly home: string;
  /** `SSL_CERT_FILE` of our own making, where the system has no CA bundle. */
  readonly extra?: Environment;
}

/**
 * What a child of ours sees: PATH, HOME, LANG, TZ, proxies and certificates, and nothing else. Our own environment
 * holds other people's secrets, and any `TUNNEL_*` in it would silently change what cloudflared does.
 */
export function childEnvironment({ env, home, extra = {} }: ChildEnvironmentOptions): Record<string, string> {
  const child: Record<string, string> = { PATH: env['PATH'] === undefined || env['PATH'] === '' ? SYSTEM_PATH : env['PATH'], HOME: home };
  const pass = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') child[name] = value;
  };
  pass('LANG', env['LANG']);
  pass('TZ', env['TZ']);
  for (const name of EITHER_CASE) {
    pass(name.toLowerCase(), env[name.toLowerCase()]);
    pass(name, env[name]);
  }
  // Go reads these two in upper case only; given in lower case they must work all the same.
  for (const name of ['SSL_CERT_FILE', 'SSL_CERT_DIR'] as const) pass(name, readEitherCase(env, name));
  for (const [name, value] of Object.entries(extra)) pass(name, value);
  return child;
}
