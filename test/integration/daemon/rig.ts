import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { createClient, type AnswerOf, type EventLine, type RequestOf, type SupervisorClient } from '../../../src/api/client.js';
import type { SupervisorEvent } from '../../../src/core/events.js';
import { startOrigin, type Origin } from '../../../src/measure/origin.js';
import { Visitors } from '../../../src/measure/visitor.js';
import { listProcesses, type ProcessEntry } from '../../../src/host/process-table.js';
import { startSandbox, type Sandbox, type SandboxOptions } from '../../../src/sandbox/sandbox.js';
import { toOriginCert } from '../../../src/sandbox/world/api-tokens.js';

/** The daemon as a process of its own, between a person's client and the offline Cloudflare. */
export interface Rig {
  readonly sandbox: Sandbox;
  /** Where everything of this rig is, the base directory too. */
  readonly directory: string;
  readonly baseDir: string;
  readonly client: SupervisorClient;
  readonly visitors: Visitors;
  /** Resolves when it serves. */
  start(environment?: Readonly<Record<string, string>>): Promise<Daemon>;
  /** A certificate of the zone, as a person brings it by hand. */
  certificate(zone?: string): string;
  /** Starts a setup and resolves with its last event, or rejects with what it failed for. */
  setUp(request?: RequestOf<'startSetup'>): Promise<SupervisorEvent>;
  /** A tunnel of somebody else's in the account; its name. */
  makeTunnel(name: string): string;
  origin(name: string): Promise<Origin>;
  /** cloudflared processes on revisions of this base directory. */
  connectors(): readonly ProcessEntry[];
  /** Names in the zone that lead to a tunnel. */
  recordNames(): readonly string[];
  /** The first event of this stream that passes; the stream goes on from `since`. */
  waitFor(accept: (event: SupervisorEvent) => boolean, since?: number): Promise<SupervisorEvent>;
  /** Ends every process and removes every file; at the end of the test at the latest. */
  close(): Promise<void>;
}

export interface Daemon {
  readonly pid: number;
  readonly ready: { readonly event: string; readonly socket: string; readonly pid: number; readonly version: string };
  /** Everything on standard error so far. */
  log(): string;
  kill(signal: NodeJS.Signals): void;
  /** Its exit code, or the signal that it died of. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

const PROGRAM = fileURLToPath(new URL('../../fixtures/daemon/run.mjs', import.meta.url));
const ZONE = 'example.com';

/** The real cloudflared where the environment names one, else the stand-in. */
const GIVEN = process.env['CLOUDFLARED_SUPERVISOR_CLOUDFLARED'];
export const CLOUDFLARED_KIND = GIVEN === undefined || GIVEN === '' ? 'stand-in' : 'real';

/** `beside`: another machine on the same Cloudflare. */
export async function createRig(options: SandboxOptions = {}, beside?: Pick<Rig, 'sandbox'>): Promise<Rig> {
  const directory = await mkdtemp(join(tmpdir(), 'daemon-'));
  const sandbox = beside?.sandbox ?? await startSandbox({ ...(GIVEN === undefined || GIVEN === '' ? {} : { cloudflared: GIVEN }), ...options });
  const baseDir = join(directory, 'base');
  const revisionsDir = join(baseDir, 'revisions');
  const client = createClient({ socketPath: join(baseDir, 'control.sock') });
  const visitors = new Visitors(sandbox.visitorsUrl);
  const daemons: ChildProcess[] = [];
  const connectors = (): readonly ProcessEntry[] => listProcesses(({ argv }) => argv.some((argument) => argument.startsWith(`${revisionsDir}/`)));

  const origins: Origin[] = [];
  let closing: Promise<void> | undefined;
  const closeAll = async (): Promise<void> => {
    visitors.close();
    for (const daemon of daemons) await killAndWait(daemon);
    for (const { pid } of connectors()) process.kill(pid, 'SIGKILL');
    for (const origin of origins) await origin.close();
    if (beside === undefined) await sandbox.close();
    await rm(directory, { recursive: true, force: true });
  };
  const close = (): Promise<void> => (closing ??= closeAll());
  onTestFinished(close);

  const findZone = (name: string) => {
    const zone = sandbox.world.zones.find(name);
    if (zone === undefined) throw new Error(`the sandbox has no zone ${name}`);
    return zone;
  };

  const waitFor: Rig['waitFor'] = async (accept, since) => {
    for await (const event of client.events(since === undefined ? {} : { since })) if (isEvent(event) && accept(event)) return event;
    throw new Error('the daemon ended its events');
  };

  return {
    sandbox, directory, baseDir, client, visitors, connectors, waitFor, close,
    start: async (environment = {}) => {
      const child = spawn(process.execPath, [PROGRAM], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          PATH: process.env['PATH'], HOME: '/nonexistent', ...sandbox.environment(),
          CLOUDFLARED_SUPERVISOR_BASE_DIR: baseDir, CLOUDFLARED_SUPERVISOR_STATE_DIR: join(directory, 'state'), ...environment,
        },
      });
      daemons.push(child);
      return await untilReady(child);
    },
    certificate: (zone = ZONE) => toOriginCert(sandbox.world.tokens.issue(findZone(zone))),
    setUp: async (request) => {
      const { seq } = await client.startSetup(request ?? { cert: toOriginCert(sandbox.world.tokens.issue(findZone(ZONE))) });
      const last = await waitFor(({ type }) => type === 'setup.completed' || type === 'setup.failed', seq);
      if (last.type === 'setup.failed') throw new Error(`setup failed: ${JSON.stringify(last.data)}`);
      return last;
    },
    makeTunnel: (name) => sandbox.world.tunnels.create(findZone(ZONE).account.id, name).name,
    origin: async (name) => {
      const origin = await startOrigin(name);
      origins.push(origin);
      return origin;
    },
    recordNames: () => sandbox.world.records.list(findZone(ZONE).id).filter(({ type, content }) => type === 'CNAME' && content.endsWith('.cfargotunnel.com')).map(({ name }) => name).sort(),
  };
}

const isEvent = (line: EventLine): line is SupervisorEvent => line.type !== 'snapshot' && line.type !== 'heartbeat';

async function untilReady(child: ChildProcess): Promise<Daemon> {
  const { pid, stdout, stderr } = child;
  if (pid === undefined || stdout === null || stderr === null) throw new Error('the daemon did not start');
  let log = '';
  stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const ended = once(child, 'exit').then(([code, signal]) => (signal ?? code) as number | NodeJS.Signals);
  const line = await Promise.race([
    once(stdout.setEncoding('utf8'), 'data').then(([text]) => String(text)),
    ended.then((how) => Promise.reject(new Error(`the daemon ended with ${how}: ${log}`))),
  ]);
  return { pid, ready: JSON.parse(line) as Daemon['ready'], log: () => log, kill: (signal) => void child.kill(signal), ended };
}

async function killAndWait(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

export const rulesOf = (status: AnswerOf<'status'>): readonly string[] => status.rules.map(({ hostname, destination }) => `${hostname} ${destination}`);

export const readText = (path: string): Promise<string> => readFile(path, 'utf8');
