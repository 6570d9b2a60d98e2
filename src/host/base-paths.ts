import { join } from 'node:path';

/** Every file of the base directory by name; nobody else joins paths below it. */
export interface BasePaths {
  readonly baseDir: string;

  /** The origin cert of the zone in use. */
  readonly certPem: string;
  /** `<tunnel id>.json`: lets a connector run the tunnel. */
  readonly credentials: (tunnelId: string) => string;
  /** Copy of the current revision, for people and other tools. */
  readonly configYml: string;
  readonly tunnelDocument: string;
  readonly dnsLedger: string;
  /** Hashes of the copies we wrote: `config.yml` and Portacode's files. */
  readonly copiesDocument: string;
  readonly pathsJson: string;
  readonly lock: string;
  readonly controlSocket: string;
  /** Node's own roots, where the system has no CA bundle. */
  readonly caBundle: string;
  /** Holds `{}`: what cloudflared gets as `--config` for everything but `run`. */
  readonly noConfigYml: string;

  readonly revisionsDir: string;
  /** Which revision is committed. */
  readonly currentDocument: string;
  readonly revisionJson: (revision: number) => string;
  readonly revisionYml: (revision: number) => string;

  readonly journalDir: string;
  readonly journal: (change: string) => string;
  /** What a change replaced of certificate and tunnel, until it is committed or undone. */
  readonly kept: (change: string) => string;

  /** Private directory of a setup: nothing in it is in use yet. */
  readonly setupDir: string;
  /** HOME of `cloudflared tunnel login`. */
  readonly loginHome: string;
  readonly stagedDir: string;
  readonly stagedCert: string;

  /** Origin certs of zones we left, while records of ours are still there. */
  readonly retiredDir: string;
  readonly retiredCert: (zoneId: string) => string;

  readonly binDir: string;
  readonly binary: string;

  readonly logDir: string;
  readonly connectorLog: (connector: number) => string;
  /** The daemon's own log when `up` started it in the background. */
  readonly daemonLog: string;
  readonly eventsLog: string;

  /** Portacode's answers by `request_id`, for 24 h. */
  readonly answersLog: string;
  /** Which of Portacode's requests began the setup that is under way. */
  readonly setupAsker: string;
  /** Last known addresses of devices. */
  readonly addressesDocument: string;
}

/** `baseDir` is absolute. Pure. */
export function basePaths(baseDir: string): BasePaths {
  const at = (...parts: string[]): string => join(baseDir, ...parts);
  return {
    baseDir,
    certPem: at('cert.pem'),
    credentials: (tunnelId) => at(`${tunnelId}.json`),
    configYml: at('config.yml'),
    tunnelDocument: at('tunnel.json'),
    dnsLedger: at('dns-ledger.json'),
    copiesDocument: at('copies.json'),
    pathsJson: at('paths.json'),
    lock: at('lock'),
    controlSocket: at('control.sock'),
    caBundle: at('ca-bundle.pem'),
    noConfigYml: at('no-config.yml'),
    revisionsDir: at('revisions'),
    currentDocument: at('revisions', 'current.json'),
    revisionJson: (revision) => at('revisions', `${revision}.json`),
    revisionYml: (revision) => at('revisions', `${revision}.yml`),
    journalDir: at('journal'),
    journal: (change) => at('journal', `${change}.jsonl`),
    kept: (change) => at('journal', `${change}.kept.json`),
    setupDir: at('setup'),
    loginHome: at('setup', 'home'),
    stagedDir: at('setup', 'staged'),
    stagedCert: at('setup', 'staged', 'cert.pem'),
    retiredDir: at('retired'),
    retiredCert: (zoneId) => at('retired', `${zoneId}.pem`),
    binDir: at('bin'),
    binary: at('bin', 'cloudflared'),
    logDir: at('log'),
    connectorLog: (connector) => at('log', `connector-${connector}.log`),
    daemonLog: at('log', 'daemon.log'),
    eventsLog: at('log', 'events.jsonl'),
    answersLog: at('answers.jsonl'),
    setupAsker: at('setup-asker.json'),
    addressesDocument: at('addresses.json'),
  };
}

/** Whose revision a file is: the base directory of a supervisor, this one or another; undefined where it is none. Pure. */
export const baseDirOfRevision = (file: string): string | undefined => /^(.*)\/revisions\/\d+\.yml$/.exec(file)?.[1];

/** The directories of the base directory that are there from the start, all 0700. */
export const baseDirectories = (paths: BasePaths): readonly string[] => [
  paths.revisionsDir, paths.journalDir, paths.setupDir, paths.binDir, paths.logDir,
];
