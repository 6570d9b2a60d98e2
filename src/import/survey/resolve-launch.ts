import { dirname, isAbsolute, join } from 'node:path';
import { toSupervisorError } from '../../core/errors.js';
import { Secret } from '../../core/secret.js';
import type { TunnelCredentials } from '../../core/tunnel.js';
import { parseOriginCert } from '../../cloudflare/origin-cert.js';
import type { Authority, Finding, Found, FoundCertificate, Unreadable } from '../findings.js';
import { parseConfigFile, type ConfigFile } from '../parse/config-file.js';
import { parseCredentials } from '../parse/credentials.js';
import { parseToken } from '../parse/token.js';
import { UUID } from '../parse/uuid.js';
import type { Launch } from './launches.js';
import type { FileReading, SurveyFiles } from './ports.js';

/** Follows a command line to its files, as cloudflared does. */

const CONFIG_NAMES = ['config.yml', 'config.yaml'] as const;
const SECRET_SETTINGS: ReadonlySet<string> = new Set(['token', 'credentials-contents', 'api-key', 'api-ca-key']);

/** Where cloudflared looks when it is told nothing, and with whose rights we look there. */
export function defaultDirectories(home: string | undefined, authority: Authority): readonly { readonly path: string; readonly authority: Authority }[] {
  const own = home === undefined ? [] : ['.cloudflared', '.cloudflare-warp', 'cloudflare-warp'].map((name) => ({ path: join(home, name), authority }));
  return [...own, ...['/etc/cloudflared', '/usr/local/etc/cloudflared'].map((path) => ({ path, authority: 'root' as const }))];
}

export async function resolveLaunch(launch: Launch, reader: SurveyFiles): Promise<Finding> {
  const { origin, invocation, authority, home, startedAtMs } = launch;
  const trouble = new Trouble(launch.unreadable);
  const isInside = origin.kind === 'process' && origin.inContainer;
  // What it names is in the container: the file of that name out here is another one.
  const files = isInside ? NO_FILES : reader;
  const absolute = (path: string): string | undefined => {
    const expanded = path.startsWith('~/') && home !== undefined ? join(home, path.slice(2)) : path;
    if (isAbsolute(expanded)) return expanded;
    if (launch.directory !== undefined) return join(launch.directory, expanded);
    trouble.add({ path, code: 'STORAGE_FAILED', message: `${path} is relative, and the directory that it counts from cannot be seen`, hint: 'Run this as root.' });
    return undefined;
  };
  const readNamed = async (path: string): Promise<string | undefined> => {
    const where = absolute(path);
    return where === undefined ? undefined : trouble.text(await files.read(where, authority), where, isInside);
  };

  const config = await readConfig();
  const settings = new Map([...(config?.value.settings ?? []), ...invocation.flags]);
  const base = {
    origin, startedAtMs, config,
    quickTunnel: invocation.kind === 'quick-tunnel',
    settings: new Map([...settings].filter(([name]) => !SECRET_SETTINGS.has(name))),
    live: undefined,
  };
  if (base.quickTunnel) return { ...base, tunnelId: undefined, tunnelName: undefined, credentials: undefined, certificates: [], unreadable: [] };
  const byToken = await readToken();
  const ref = invocation.tunnelRef ?? config?.value.tunnel;
  const tunnelRef = ref !== undefined && UUID.test(ref) ? ref.toLowerCase() : undefined;
  const credentials = byToken ?? (await readCredentials(tunnelRef));
  return {
    ...base,
    tunnelId: credentials?.value.tunnelId ?? tunnelRef,
    tunnelName: tunnelRef === undefined && byToken === undefined ? ref : undefined,
    credentials,
    certificates: await findCertificates(),
    unreadable: trouble.list,
  };

  async function readConfig(): Promise<Finding['config']> {
    const given = invocation.flags.get('config');
    const where = given === undefined ? undefined : absolute(given);
    const candidates = given === undefined
      ? defaultDirectories(home, authority).flatMap((directory) => CONFIG_NAMES.map((name) => ({ path: join(directory.path, name), authority: directory.authority })))
      : where === undefined ? [] : [{ path: where, authority }];
    for (const candidate of candidates) {
      const reading = await files.read(candidate.path, candidate.authority);
      if (reading.kind === 'absent') continue;
      const text = trouble.text(reading, candidate.path);
      if (text === undefined || reading.kind !== 'read') return undefined;
      const parsed = await parseConfigFile(text);
      if ('problem' in parsed) {
        trouble.add({ path: candidate.path, code: 'CONFIG_REFUSED', message: `${candidate.path} cannot be used: ${parsed.problem}`, hint: 'Correct the file; cloudflared would not start on it either.' });
        return undefined;
      }
      return { value: parsed satisfies ConfigFile, from: candidate.path, changedAtMs: reading.changedAtMs };
    }
    if (where !== undefined) trouble.missing(where, isInside);
    return undefined;
  }

  async function readToken(): Promise<Found<TunnelCredentials> | undefined> {
    const inline = settings.get('token');
    const file = settings.get('token-file');
    if (inline !== undefined && inline !== '') return tokenFrom(inline, 'the token that it was started with');
    if (file === undefined || file === '') return undefined;
    const text = await readNamed(file);
    return text === undefined ? undefined : tokenFrom(text, file);
  }

  function tokenFrom(text: string, from: string): Found<TunnelCredentials> | undefined {
    const value = parseToken(new Secret(text));
    if (value === undefined) trouble.add({ path: from, code: 'CREDENTIALS_MISSING', message: `${from} is no token of a tunnel`, hint: 'cloudflared would not start with it either.' });
    return value === undefined ? undefined : { value, from };
  }

  async function readCredentials(id: string | undefined): Promise<Found<TunnelCredentials> | undefined> {
    const inline = settings.get('credentials-contents');
    if (inline !== undefined && inline !== '') return credentialsFrom(inline, 'the environment that it was started with', id);
    const named = settings.get('credentials-file');
    if (named !== undefined && named !== '') {
      const text = await readNamed(named);
      return text === undefined ? undefined : credentialsFrom(text, absolute(named) ?? named, id);
    }
    if (id === undefined) return undefined;
    const certificate = settings.get('origincert');
    const beside = certificate === undefined ? undefined : absolute(certificate);
    const directories = [...(beside === undefined ? [] : [{ path: dirname(beside), authority }]), ...defaultDirectories(home, authority)];
    for (const directory of directories) {
      const path = join(directory.path, `${id}.json`);
      const reading = await files.read(path, directory.authority);
      if (reading.kind === 'absent') continue;
      const text = trouble.text(reading, path);
      return text === undefined ? undefined : credentialsFrom(text, path, id);
    }
    return undefined;
  }

  function credentialsFrom(text: string, from: string, id: string | undefined): Found<TunnelCredentials> | undefined {
    const value = parseCredentials(text, id);
    if (value === undefined) trouble.add({ path: from, code: 'CREDENTIALS_MISSING', message: `${from} is not a credentials file of a tunnel`, hint: 'cloudflared would not start with it either.' });
    return value === undefined ? undefined : { value, from };
  }

  /** Running a tunnel needs none, so that one which is not there is no trouble. */
  async function findCertificates(): Promise<readonly Found<FoundCertificate>[]> {
    const given = settings.get('origincert');
    const where = given === undefined || given === '' ? undefined : absolute(given);
    const candidates = [...(where === undefined ? [] : [{ path: where, authority }]), ...defaultDirectories(home, authority).map((directory) => ({ path: join(directory.path, 'cert.pem'), authority: directory.authority }))];
    return await readFirstCertificate(candidates, files);
  }
}

/** The first of these places counts that has one, as for cloudflared. */
export async function readFirstCertificate(places: readonly { readonly path: string; readonly authority: Authority }[], files: SurveyFiles): Promise<readonly Found<FoundCertificate>[]> {
  for (const { path, authority } of places) {
    const reading = await files.read(path, authority);
    if (reading.kind !== 'read') continue;
    const pem = new Secret(reading.text);
    try {
      return [{ value: { pem, certificate: parseOriginCert(pem) }, from: path }];
    } catch (error) {
      // One of years ago, or another kind of file: it manages nothing. Anything else is a fault of ours.
      if (toSupervisorError(error).code !== 'ORIGIN_CERT_INVALID') throw error;
    }
  }
  return [];
}

const NO_FILES: SurveyFiles = {
  read: async () => ({ kind: 'absent' }),
  peek: async () => ({ kind: 'absent' }),
  list: () => [],
  readLink: () => undefined,
};

/** What could not be read, each once. */
class Trouble {
  readonly #list: Unreadable[];

  constructor(known: readonly Unreadable[]) {
    this.#list = [...known];
  }

  get list(): readonly Unreadable[] {
    return this.#list;
  }

  add(one: Unreadable): void {
    if (!this.#list.some((known) => known.path === one.path)) this.#list.push(one);
  }

  missing(path: string, isInside: boolean): void {
    if (isInside) this.add({ path, code: 'STORAGE_FORBIDDEN', message: `${path} is in the container that it runs in`, hint: 'Copy configuration and credentials out of the container into ~/.cloudflared, and run this again.' });
    else this.add({ path, code: 'STORAGE_FAILED', message: `${path} is not there`, hint: 'cloudflared would not start without it.' });
  }

  text(reading: FileReading, path: string, isInside = false): string | undefined {
    if (reading.kind === 'read') return reading.text;
    if (reading.kind === 'refused') this.add(reading.why);
    else this.missing(path, isInside);
    return undefined;
  }
}
