import { join } from 'node:path';
import type { UserIds } from '../../host/as-user.js';
import { findUid, findUser } from '../../host/passwd.js';
import type { Authority, Finding, Found, FoundCertificate, Unreadable } from '../findings.js';
import { parseCredentials } from '../parse/credentials.js';
import { UUID } from '../parse/uuid.js';
import { askConnector, portsOf } from './ask-connector.js';
import { findProcessLaunches, findServiceLaunches, type Homes, type Launch } from './launches.js';
import { defaultDirectories, inEach } from './default-directories.js';
import { findCertificate } from './find-certificate.js';
import { findPortacodeLaunch } from './portacode.js';
import type { SurveyFiles, SurveyProcess, UserRights } from './ports.js';
import { NOTHING, resolveLaunch } from './resolve-launch.js';
import { findServices } from './services.js';
import { createSystemFiles } from './system-files.js';
import { listSurveyProcesses, readCgroup } from './system-processes.js';

export interface SurveyOptions {
  /** `/`; a prepared tree in tests. */
  readonly root: string;
  /** For whom things would be taken over. */
  readonly user: UserIds;
  /** Portacode's, of this user. */
  readonly stateDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** In tests; else those of this machine. */
  readonly processes?: () => readonly SurveyProcess[];
  readonly ownCgroup?: string;
  /** Where a connector is asked that was told no metrics address. */
  readonly defaultPorts?: readonly number[];
}

export interface Survey {
  readonly findings: readonly Finding[];
  /** The user's own, wherever it was not found with one of those. */
  readonly certificates: readonly Found<FoundCertificate>[];
  /** What the service user may do with what a rule names. */
  readonly rights: UserRights;
}

/** Everything on this machine that runs a tunnel or was meant to. Changes nothing. */
export async function surveyMachine(options: SurveyOptions): Promise<Survey> {
  const { user, stateDir } = options;
  const files = createSystemFiles(options);
  const services = await findServices(files, user.home);
  const processes = (options.processes ?? listSurveyProcesses)();
  const homes = HOMES;
  const running = await findProcessLaunches(processes, services, options.ownCgroup ?? readCgroup('self'), files, homes);
  const launches: readonly Launch[] = [...running, ...findServiceLaunches(services, running, user, homes), ...(await findPortacodes(user, stateDir, files))];
  const resolved = await Promise.all(launches.map((launch) => resolveLaunch(launch, files)));
  const findings = await Promise.all(resolved.map((finding, index) => askLive(finding, launches[index], { running, defaultPorts: options.defaultPorts })));
  const idle = await findIdle(findings, user, files);
  const certificates = await findCertificate(inEach(defaultDirectories(user.home, 'user'), 'cert.pem'), files);
  return { findings: [...findings, ...idle], certificates, rights: { canRead: async (path) => (await files.read(path, 'user')).kind === 'read', isForbidden: (path) => files.isForbidden(path) } };
}

const HOMES: Homes = { home: (user) => (typeof user === 'number' ? findUid(user) : findUser(user)) };

/** On a Proxmox host the agent may be root's, while the daemon is for somebody else. */
async function findPortacodes(user: UserIds, stateDir: string, files: SurveyFiles): Promise<readonly Launch[]> {
  const ofRoot = '/root/.config/portacode';
  const own = await findPortacodeLaunch(stateDir, user.home, user.uid === 0 ? 'root' : 'user', files);
  const roots = process.geteuid?.() === 0 && stateDir !== ofRoot ? await findPortacodeLaunch(ofRoot, '/root', 'root', files) : undefined;
  return [own, roots].flatMap((launch) => launch ?? []);
}

async function askLive(finding: Finding, launch: Launch | undefined, { running, defaultPorts }: { readonly running: readonly Launch[]; readonly defaultPorts: readonly number[] | undefined }): Promise<Finding> {
  if (finding.origin.kind !== 'process' || launch === undefined) return finding;
  const { inContainer } = finding.origin;
  const live = await askConnector(portsOf({ metrics: finding.settings.get('metrics'), inContainer }, running.length === 1, defaultPorts));
  return live === undefined ? finding : { ...finding, live };
}

/** Configurations and credentials in the default places that nothing runs. */
async function findIdle(known: readonly Finding[], user: UserIds, files: SurveyFiles): Promise<readonly Finding[]> {
  const places = defaultDirectories(user.home, user.uid === 0 ? 'root' : 'user');
  const idle: Finding[] = [];
  const isKnown = (id: string | undefined): boolean => id !== undefined && [...known, ...idle].some(({ tunnelId }) => tunnelId === id);
  for (const { path, authority } of places) {
    for (const name of files.list(path)) {
      const file = join(path, name);
      if (name === 'config.yml' || name === 'config.yaml') {
        if ([...known, ...idle].some(({ config, unreadable }) => config?.from === file || unreadable.some((one) => one.path === file))) continue;
        const finding = await resolveLaunch(idleLaunch(file, authority, user, new Map([['config', file]])), files);
        if (finding.tunnelId !== undefined || finding.tunnelName !== undefined || finding.unreadable.length > 0) idle.push(finding);
      }
      const id = name.endsWith('.json') && UUID.test(name.slice(0, -5)) ? name.slice(0, -5).toLowerCase() : undefined;
      if (id === undefined || isKnown(id)) continue;
      const reading = await files.read(file, authority);
      const credentials = reading.kind === 'read' ? parseCredentials(reading.text, id) : undefined;
      const unreadable: readonly Unreadable[] = reading.kind === 'refused' ? [reading.why] : [];
      if (credentials !== undefined || unreadable.length > 0) idle.push({ ...NOTHING, origin: { kind: 'files', file }, tunnelId: id, credentials: credentials === undefined ? undefined : { value: credentials, from: file }, unreadable });
    }
  }
  return idle;
}

function idleLaunch(file: string, authority: Authority, { home }: UserIds, flags: ReadonlyMap<string, string>): Launch {
  return { origin: { kind: 'files', file }, authority, invocation: { kind: 'run', tunnelRef: undefined, flags }, home, directory: '/', unreadable: [] };
}

