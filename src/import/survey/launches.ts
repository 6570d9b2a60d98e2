import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { baseDirOfRevision } from '../../host/base-paths.js';
import type { Authority, Origin, ProcessOrigin, Unreadable } from '../findings.js';
import { findProgram, parseInvocation, showCommandLine, withEnvironment, type Invocation } from '../parse/invocation.js';
import type { SurveyFiles, SurveyProcess } from './ports.js';
import { findWants, type FoundService } from './services.js';

/** A command line of cloudflared with all that decides what its words mean. */
export interface Launch {
  readonly origin: Origin;
  readonly authority: Authority;
  /** Undefined where nobody could read which: then there is only something to be said. */
  readonly invocation: Invocation | undefined;
  /** What `~` is; undefined where it is not known. */
  readonly home: string | undefined;
  /** What relative paths count from. */
  readonly directory: string | undefined;
  readonly unreadable: readonly Unreadable[];
}

export interface Homes {
  /** Of a user by name or uid. */
  home(user: string | number): { readonly name: string; readonly home: string } | undefined;
}

/** A connector that a supervisor keeps, ours or another user's: nothing to take over. */
const isSupervised = ({ flags }: Invocation): boolean => baseDirOfRevision(flags.get('config') ?? '') !== undefined;

const CONTAINER = /(?:docker|containerd|kubepods|libpod|crio|lxc)[-/.:_]?[\w.:-]*/;

export async function findProcessLaunches(processes: readonly SurveyProcess[], services: readonly FoundService[], ownCgroup: string, files: SurveyFiles, homes: Homes): Promise<readonly Launch[]> {
  const launches = processes.flatMap((entry) => {
    const invocation = parseInvocation(entry.argv);
    return invocation === undefined || isSupervised(invocation) ? [] : [{ entry, invocation }];
  });
  // A wrapper (sudo, tini) has the same words as the program that it runs; that one counts.
  const programs = launches.filter(({ entry }) => !launches.some((other) => other.entry.ppid === entry.pid));
  return Promise.all(programs.map(async ({ entry, invocation }): Promise<Launch> => {
    const authority: Authority = entry.uid === 0 ? 'root' : 'user';
    const owner = homes.home(entry.uid);
    const parent = processes.find(({ pid }) => pid === entry.ppid);
    const service = findService(services, entry, parent, files);
    const environ = await files.read(`/proc/${entry.pid}/environ`, authority);
    const environment = environ.kind === 'read' ? readEnvironment(environ.text) : (service?.text.environment ?? {});
    const origin: ProcessOrigin = {
      kind: 'process', pid: entry.pid, startTime: entry.startTime, uid: entry.uid,
      user: owner?.name ?? String(entry.uid),
      service: service?.origin,
      parent: entry.ppid <= 1 || parent === undefined ? undefined : basename(parent.argv[0] ?? '') || undefined,
      unit: unitOf(entry.cgroup),
      inContainer: entry.isNested || containerOf(entry.cgroup) !== containerOf(ownCgroup),
      commandLine: showCommandLine(entry.argv),
    };
    return {
      origin, authority,
      invocation: withEnvironment(invocation, environment),
      home: environment['HOME'] ?? owner?.home,
      directory: files.readLink(`/proc/${entry.pid}/cwd`) ?? service?.text.workingDirectory ?? (service === undefined ? undefined : '/'),
      unreadable: [],
    };
  }));
}

/** A template is what its instances are, where some run; a script that does not say what it runs is what its process is. */
export function findServiceLaunches(services: readonly FoundService[], running: readonly Launch[], user: { readonly home: string | undefined }, homes: Homes): readonly Launch[] {
  const instances = new Set(running.flatMap(({ origin }) => (origin.kind === 'process' && origin.service !== undefined ? [origin.service.file] : [])));
  return services.flatMap(({ origin, authority, text, unreadable }): readonly Launch[] => {
    if ((origin.name.includes('@.') || text.words === undefined) && instances.has(origin.file)) return [];
    const invocation = text.words === undefined ? undefined : parseInvocation(text.words);
    if (text.words !== undefined && (invocation === undefined || isSupervised(invocation))) return [];
    const home = text.environment['HOME'] ?? (origin.init === 'systemd-user' ? user.home : homes.home(text.user ?? 'root')?.home);
    const why: readonly Unreadable[] = text.words === undefined && unreadable.length === 0
      ? [{ path: origin.file, code: 'STORAGE_FAILED', message: `${origin.file} does not say plainly what it runs`, hint: 'While it runs, its process says so.' }]
      : unreadable;
    return [{ origin, authority, invocation: invocation === undefined ? undefined : withEnvironment(invocation, text.environment), home, directory: text.workingDirectory ?? '/', unreadable: why }];
  });
}

/** The service that keeps the process. One of a template has a name of its own. */
function findService(services: readonly FoundService[], process: SurveyProcess, parent: SurveyProcess | undefined, files: SurveyFiles): FoundService | undefined {
  const service = services.find((candidate) => isKeptBy(candidate, parent)) ?? services.find((candidate) => runsAs(candidate, process));
  const unit = unitOf(process.cgroup);
  if (service === undefined || unit === undefined || !service.origin.name.includes('@.')) return service;
  return { ...service, origin: { ...service.origin, name: unit, enabledBy: findWants(files, unit) } };
}

/** OpenRC's supervisor has the name of the script among its words, and starts again whatever somebody else ends. */
const isKeptBy = ({ origin }: FoundService, parent: SurveyProcess | undefined): boolean =>
  origin.init === 'openrc' && basename(parent?.argv[0] ?? '') === 'supervise-daemon' && parent?.argv[1] === origin.name;

/** By the unit that the kernel says it is in; else it has the very words of the script. */
function runsAs({ origin, text }: FoundService, { cgroup, argv }: SurveyProcess): boolean {
  if (origin.init === 'systemd' || origin.init === 'systemd-user') {
    const unit = unitOf(cgroup);
    return unit === origin.name || unit?.replace(/@.*(?=\.service$)/, '@') === origin.name;
  }
  const program = findProgram(text.words ?? []);
  const running = findProgram(argv);
  if (text.words === undefined || program === undefined || running === undefined) return false;
  // What runs may be a script by its interpreter, which has the name of the script among its own words.
  const isProgram = argv[running]?.endsWith(text.words[program] ?? '') === true;
  return isProgram && isDeepStrictEqual(text.words.slice(program + 1), argv.slice(running + 1));
}

function unitOf(cgroup: string): string | undefined {
  for (const line of cgroup.split('\n')) {
    const unit = /\/([^/]+\.service)$/.exec(line)?.[1];
    if (unit !== undefined) return unit.replaceAll(/\\x([0-9a-f]{2})/g, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)));
  }
  return undefined;
}

const containerOf = (cgroup: string): string => CONTAINER.exec(cgroup)?.[0] ?? '';

function readEnvironment(text: string): Readonly<Record<string, string>> {
  const pairs = text.split('\0').filter((pair) => /^(?:TUNNEL_\w+|NO_TLS_VERIFY|HOME)=/.test(pair));
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}
