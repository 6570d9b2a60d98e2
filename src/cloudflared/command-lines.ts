/** cloudflared's command lines, as data. Flags of `tunnel` stand before the subcommand, its own after it. */

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const;
export type ConnectorLogLevel = (typeof LOG_LEVELS)[number];

/** What a user may set about connectors. */
export interface ConnectorOptions {
  /** `HOST:PORT`; empty: Cloudflare's. */
  readonly edge: readonly string[];
  /** File with the CA of the edge's certificate. */
  readonly edgeCa: string | undefined;
  readonly protocol: string | undefined;
  /** Links to the edge that one connector holds. */
  readonly connections: number | undefined;
  readonly gracePeriodMs: number | undefined;
  readonly logLevel: ConnectorLogLevel;
}

export interface RunCommand {
  readonly binary: string;
  readonly config: string;
  readonly originCert: string;
  readonly metricsPort: number;
  readonly credentials: string;
  /** UUID: a name would be looked up, and could be another tunnel's. */
  readonly tunnelId: string;
  readonly options: ConnectorOptions;
  /** Whether this version knows the flag. */
  readonly knowsNoPrechecks: boolean;
}

export type CommandLine = readonly [string, ...string[]];

export function runCommand(run: RunCommand): CommandLine {
  const { options } = run;
  return [
    run.binary, 'tunnel',
    '--config', run.config,
    '--origincert', run.originCert,
    '--no-autoupdate',
    '--metrics', `127.0.0.1:${run.metricsPort}`,
    '--output', 'json',
    '--loglevel', options.logLevel,
    ...options.edge.flatMap((address) => ['--edge', address]),
    ...flag('--protocol', options.protocol),
    ...flag('--cacert', options.edgeCa),
    ...flag('--ha-connections', options.connections?.toString()),
    ...flag('--grace-period', options.gracePeriodMs === undefined ? undefined : toGoDuration(options.gracePeriodMs)),
    // The prechecks ask for Cloudflare's own edge, which is not the one that is used.
    ...(options.edge.length > 0 && run.knowsNoPrechecks ? ['--no-prechecks'] : []),
    'run',
    '--credentials-file', run.credentials,
    run.tunnelId,
  ];
}

/** It takes HOME for its files whatever it is told, and no flag of ours. */
export const loginCommand = (binary: string): CommandLine => [binary, 'tunnel', 'login'];

export const validateCommand = (binary: string, config: string): CommandLine => [binary, 'tunnel', '--config', config, 'ingress', 'validate'];

export interface RouteDnsCommand {
  readonly binary: string;
  /** Holds `{}`: without one, the first config file in the user's directories would be read. */
  readonly noConfig: string;
  readonly originCert: string;
  readonly apiUrl: string | undefined;
  readonly tunnelId: string;
  readonly hostname: string;
  readonly overwrite: boolean;
}

export const routeDnsCommand = (route: RouteDnsCommand): CommandLine => [
  route.binary, 'tunnel',
  '--config', route.noConfig,
  '--origincert', route.originCert,
  '--output', 'json',
  '--loglevel', 'info',
  ...flag('--api-url', route.apiUrl),
  'route', 'dns',
  ...(route.overwrite ? ['--overwrite-dns'] : []),
  route.tunnelId,
  route.hostname,
];

const flag = (name: string, value: string | undefined): readonly string[] => (value === undefined ? [] : [name, value]);

const toGoDuration = (ms: number): string => (ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`);

/** What the command line of a running connector says of it. */
export interface RunningConnector {
  readonly revision: number;
  readonly metricsPort: number;
}

/** Undefined where these are not the arguments of a `run` on a revision in this directory. */
export function parseRunCommand(argv: readonly string[], revisionsDir: string): RunningConnector | undefined {
  const run = argv.indexOf('run');
  if (run === -1) return undefined;
  const before = argv.slice(0, run);
  const config = valueOf(before, '--config');
  const port = /:(\d+)$/.exec(valueOf(before, '--metrics') ?? '')?.[1];
  if (config === undefined || port === undefined || !config.startsWith(`${revisionsDir}/`)) return undefined;
  const revision = /^(\d+)\.yml$/.exec(config.slice(revisionsDir.length + 1))?.[1];
  return revision === undefined ? undefined : { revision: Number(revision), metricsPort: Number(port) };
}

function valueOf(argv: readonly string[], name: string): string | undefined {
  const index = argv.indexOf(name);
  return index === -1 ? undefined : argv[index + 1];
}
