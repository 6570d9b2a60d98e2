import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectorOptions } from '../../../src/cloudflared/command-lines.js';
import { createFactFinder } from '../../../src/cloudflared/facts.js';
import { createBinaryFinder } from '../../../src/cloudflared/find.js';
import { createLauncher } from '../../../src/cloudflared/launcher.js';
import type { ConnectorLogLine } from '../../../src/cloudflared/log-line.js';
import { createProber } from '../../../src/cloudflared/readiness.js';
import { Conditions } from '../../../src/connector/conditions.js';
import type { Policy } from '../../../src/connector/policy.js';
import type { TunnelVerdict } from '../../../src/connector/ports.js';
import { ConnectorSupervisor } from '../../../src/connector/supervisor.js';
import { systemClock } from '../../../src/core/clock.js';
import type { EventData, EventType } from '../../../src/core/events.js';
import type { Connectors, IngressRule } from '../../../src/forwarding/ports.js';
import { basePaths, baseDirectories } from '../../../src/host/base-paths.js';
import type { BasePaths } from '../../../src/host/base-paths.js';
import { childEnvironment } from '../../../src/host/child-environment.js';
import { listProcesses } from '../../../src/host/process-table.js';
import { createRedactor } from '../../../src/host/redact.js';
import { createCertificateAuthority } from '../../../src/sandbox/certificates.js';
import { startEdge } from '../../../src/sandbox/edge/edge.js';
import type { Edge, RegistrationVerdict } from '../../../src/sandbox/edge/ports.js';
import type { Faults } from '../../../src/sandbox/stand-in/faults.js';
import { writeStandIn } from '../../../src/sandbox/stand-in/install.js';

export const REAL_CLOUDFLARED = process.env['CLOUDFLARED_SUPERVISOR_CLOUDFLARED'];

export interface ProgramKind {
  readonly name: string;
  /** Undefined: the stand-in. */
  readonly real: string | undefined;
}

/** The same tests for the stand-in, and for the real program where the environment names it. */
export const PROGRAMS: readonly ProgramKind[] = [
  { name: 'stand-in', real: undefined },
  ...(REAL_CLOUDFLARED === undefined || REAL_CLOUDFLARED === '' ? [] : [{ name: 'real cloudflared', real: REAL_CLOUDFLARED }]),
];

export interface SeenEvent<T extends EventType = EventType> {
  readonly type: T;
  readonly data: EventData[T];
}

/** An edge, a base directory, and supervisors on it that see nothing but the ports they see in life. */
export class Rig {
  readonly tunnelId = randomUUID();
  readonly paths: BasePaths;
  readonly edge: Edge;
  readonly binary: string;
  readonly events: SeenEvent[] = [];
  readonly logLines: ConnectorLogLine[] = [];
  readonly options: ConnectorOptions;
  verdict: RegistrationVerdict;
  tunnelVerdict: TunnelVerdict = 'usable';
  readonly #directory: string;
  readonly #conditions = new Conditions();
  readonly #supervisors: ConnectorSupervisor[] = [];

  private constructor(directory: string, edge: Edge, binary: string, caFile: string, verdict: { now: RegistrationVerdict }) {
    this.#directory = directory;
    this.paths = basePaths(join(directory, 'base'));
    this.edge = edge;
    this.binary = binary;
    this.verdict = verdict.now;
    this.options = {
      edge: Array.from({ length: 8 }, () => edge.addresses[0] ?? ''), edgeCa: caFile, protocol: 'http2', connections: undefined, gracePeriodMs: 5_000, logLevel: 'info',
    };
    Object.defineProperty(verdict, 'now', { get: () => this.verdict });
  }

  static async open(kind: ProgramKind): Promise<Rig> {
    const directory = mkdtempSync(join(tmpdir(), 'supervisor-connector-'));
    const authority = await createCertificateAuthority();
    const { key, cert } = await authority.issue({ names: ['h2.cftunnel.com'] });
    const verdict: { now: RegistrationVerdict } = { now: { kind: 'accept' } };
    const edge = await startEdge({ key, cert, authorize: () => verdict.now });
    const caFile = join(directory, 'ca.pem');
    await writeFile(caFile, authority.pem);
    const rig = new Rig(directory, edge, kind.real ?? await writeStandIn(join(directory, 'program')), caFile, verdict);
    for (const path of [rig.paths.baseDir, ...baseDirectories(rig.paths)]) await mkdir(path, { recursive: true, mode: 0o700 });
    await rig.writeCredentials();
    await rig.writeRevision(1);
    return rig;
  }

  async writeCredentials(tunnelId = this.tunnelId): Promise<void> {
    const content = { AccountTag: 'a'.repeat(32), TunnelSecret: randomBytes(32).toString('base64'), TunnelID: tunnelId, Endpoint: '' };
    await writeFile(this.paths.credentials(this.tunnelId), JSON.stringify(content), { mode: 0o600 });
  }

  /** What `/config` should show of it. */
  async writeRevision(revision: number, rules: readonly IngressRule[] = [{ service: 'http_status:404' }]): Promise<readonly IngressRule[]> {
    await writeFile(this.paths.revisionYml(revision), JSON.stringify({ tunnel: this.tunnelId, ingress: rules }));
    return rules;
  }

  /** Scripted trouble of the stand-in. */
  async setFaults(faults: Partial<Faults>): Promise<void> {
    await mkdir(join(this.#directory, 'program'), { recursive: true });
    await writeFile(join(this.#directory, 'program', 'faults.json'), JSON.stringify(faults));
  }

  supervisor(policy: Partial<Policy> = {}, change: { readonly overlap?: boolean; readonly binary?: string; readonly options?: Partial<ConnectorOptions> } = {}): ConnectorSupervisor & Connectors {
    const env = childEnvironment({ env: process.env, home: this.paths.baseDir });
    const search = { given: change.binary ?? this.binary, own: this.paths.binary, path: undefined, env };
    const finder = createBinaryFinder(search);
    const shared = {
      paths: this.paths, env, redactor: createRedactor(),
      binary: async () => await finder.find(),
      tunnelIdOf: async () => this.tunnelId,
      options: { ...this.options, ...change.options },
    };
    const onLogLine = (line: ConnectorLogLine): void => {
      this.logLines.push(line);
      supervisor.nudge(line.pid);
      this.#conditions.lookAgain();
    };
    const supervisor: ConnectorSupervisor = new ConnectorSupervisor({
      launcher: createLauncher({ ...shared, onLogLine }),
      prober: createProber(),
      facts: createFactFinder({ ...shared, search, inspectTunnel: async () => this.tunnelVerdict }),
      emit: (type, data) => {
        this.events.push({ type, data });
        this.#conditions.lookAgain();
      },
      clock: systemClock,
      random: Math.random,
    }, { policy: { stopTimeoutMs: 10_000, ...policy }, overlap: change.overlap ?? true });
    this.#supervisors.push(supervisor);
    return supervisor;
  }

  /** Resolves with the first event of this type that fits, past ones from `since` on included. */
  async seen<T extends EventType>(type: T, fits: (data: EventData[T]) => boolean = () => true, since = 0): Promise<EventData[T]> {
    return await this.#conditions.until(() => this.events.slice(since).filter((event) => event.type === type).map((event) => event.data as EventData[T]).find(fits), AbortSignal.timeout(25_000));
  }

  async until<T>(look: () => T | undefined): Promise<T> {
    return await this.#conditions.until(look, AbortSignal.timeout(25_000));
  }

  count(type: EventType): number {
    return this.events.filter((event) => event.type === type).length;
  }

  /** Processes that carry this base directory in their arguments. */
  processes(): ReturnType<typeof listProcesses> {
    return listProcesses((entry) => entry.argv.some((argument) => argument.startsWith(this.paths.revisionsDir)) && entry.argv.includes('run'));
  }

  readLog(number: number): string {
    return readFileSync(this.paths.connectorLog(number), 'utf8');
  }

  async close(): Promise<void> {
    for (const supervisor of this.#supervisors) supervisor.handover();
    for (const { pid } of this.processes()) process.kill(pid, 'SIGKILL');
    await this.edge.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
