import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseOriginCert } from '../../../src/cloudflare/origin-cert.js';
import type { LedgerEntry } from '../../../src/core/dns.js';
import type { EventData, EventType } from '../../../src/core/events.js';
import { Secret } from '../../../src/core/secret.js';
import { removeDurably } from '../../../src/host/atomic-file.js';
import { baseDirectories, basePaths, type BasePaths } from '../../../src/host/base-paths.js';
import type { SandboxOptions } from '../../../src/sandbox/sandbox.js';
import type { InstalledTunnel, LoginOutcome, PublishRequest, SetupPorts } from '../../../src/setup/ports.js';
import { createSetupSession, type SetupSession } from '../../../src/setup/session.js';
import { readCredentials } from '../../../src/state/credentials-file.js';
import { createJournalStore } from '../../../src/state/journal.js';
import { readSecret } from '../../../src/state/read-secret.js';
import { createRetiredCertificates } from '../../../src/state/retired-certificates.js';
import { createTunnelArtifacts } from '../../../src/state/tunnel-artifacts.js';
import { createTunnelDocument } from '../../../src/state/tunnel-document.js';
import { createTunnelStaging } from '../../../src/state/tunnel-staging.js';
import type { JournalStore, OpenJournal } from '../../../src/transaction/ports.js';
import { startApiWorld, type ApiWorld } from '../cloudflare/api-world.js';

type Boundary = Parameters<NonNullable<SetupPorts['gate']>>[0];

/** Setup on real files and the sandbox's API; the person, cloudflared and the connectors are scripted. */
export interface SetupHarness extends ApiWorld {
  readonly paths: BasePaths;
  readonly events: readonly { readonly type: EventType; readonly data: unknown }[];
  /** Resolves with the data of the next event of this type. */
  when<T extends EventType>(type: T): Promise<EventData[T]>;
  /** A daemon's session on these files; a second one stands for a restart. */
  createSession(more?: Partial<SetupPorts>): SetupSession;
  readonly ports: SetupPorts;
  /** What a login of a person gives; by default a certificate of the first zone, at once. */
  login: (signal: AbortSignal, onUrl: (url: string) => void) => Promise<LoginOutcome>;
  /** Runs before a publish installs anything. */
  beforePublish: (request: PublishRequest, signal: AbortSignal) => Promise<void>;
  readonly published: readonly PublishRequest[];
  ledger: readonly LedgerEntry[];
  installed(): Promise<InstalledTunnel | undefined>;
  /** Names of the tunnels that are alive in all accounts. */
  tunnels(): readonly string[];
  /** Every file below the base directory, by relative path; without the last good copies of documents. */
  files(): Promise<readonly string[]>;
  unfinished: SetupPorts['journals']['unfinished'];
}

export async function startSetupHarness(options: SandboxOptions = {}): Promise<SetupHarness> {
  const world = await startApiWorld(options);
  const baseDir = await mkdtemp(join(tmpdir(), 'setup-test-'));
  const paths = basePaths(baseDir);
  for (const directory of baseDirectories(paths)) await mkdir(directory, { recursive: true, mode: 0o700 });

  const events: { type: EventType; data: unknown }[] = [];
  const announced = new EventEmitter();
  const emit = <T extends EventType>(type: T, data: EventData[T]): void => {
    events.push({ type, data });
    announced.emit(type, data);
  };
  const staging = createTunnelStaging(paths, emit);
  const artifacts = createTunnelArtifacts(paths, staging, emit);
  const document = createTunnelDocument(paths.tunnelDocument, emit);
  const installed = async (): Promise<InstalledTunnel | undefined> => {
    const identity = await document.read();
    return identity && { identity, certificate: await readSecret(paths.certPem), credentials: await readCredentials(paths.credentials(identity.id)) };
  };
  const { journals, releaseAll } = trackJournals(createJournalStore(paths, emit));
  const published: PublishRequest[] = [];
  let changes = 0;

  const ports: SetupPorts = {
    binary: { find: async () => ({ path: '/bin/cloudflared', version: 'cloudflared version 2026.8.2' }) },
    login: {
      attempt: async ({ onUrl, signal }) => {
        signal.throwIfAborted();
        return harness.login(signal, onUrl);
      },
      sweep: async () => undefined,
    },
    openAccount: world.openAccount,
    staging,
    retired: createRetiredCertificates(paths, {
      zoneOf: (pem) => parseOriginCert(pem).zoneId,
      zoneInUse: async () => (await installed())?.identity.zoneId,
      zoneBeingLeft: async () => (await staging.readPrevious())?.identity.zoneId,
      zonesOfRecords: () => harness.ledger.map(({ zoneId }) => zoneId),
    }),
    installed,
    knownConnectors: async () => [],
    nameSource: async () => ({ recordedName: (await document.read())?.name, hostname: 'host', machineTag: 'a1b2c3' }),
    publish: async (request, signal) => {
      await harness.beforePublish(request, signal);
      await artifacts.install(request.change);
      await artifacts.forget(request.change);
      published.push(request);
      return { revision: published.length, setAside: [], warnings: [] };
    },
    drained: async () => undefined,
    removeCredentials: async (tunnelId) => removeDurably(paths.credentials(tunnelId)),
    journals,
    emit,
    clock: world.clock,
    random: () => 0.5,
    createSecret: () => new Secret(randomBytes(32).toString('base64')),
    createChangeId: () => {
      changes += 1;
      return `change-${changes}-${randomBytes(3).toString('hex')}`;
    },
  };

  const harness: SetupHarness = {
    ...world, paths, events, ports, published, installed,
    ledger: [],
    login: async (_signal, onUrl) => {
      onUrl('https://dash.cloudflare.com/argotunnel?aud=&callback=x');
      return { kind: 'certificate', pem: world.issue().pem };
    },
    beforePublish: async () => undefined,
    when: async (type) => (await once(announced, type))[0] as never,
    createSession: (more = {}) => createSetupSession({ ...ports, ...more }),
    tunnels: () => world.sandbox.world.tunnels.list().filter(({ deletedAt }) => deletedAt === undefined).map(({ name }) => name).sort(),
    files: async () => (await readdir(baseDir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name).slice(baseDir.length + 1)).filter((file) => !file.endsWith('.good')).sort(),
    unfinished: () => ports.journals.unfinished(),
    close: async () => {
      await releaseAll();
      await world.close();
      await rm(baseDir, { recursive: true, force: true });
    },
  };
  return harness;
}

/** A gate at which the process dies: nothing of the change goes on. `died` resolves when it got there. */
export function createDeadlyGate(dies: (boundary: Boundary) => boolean): { readonly gate: NonNullable<SetupPorts['gate']>; readonly died: Promise<void>; readonly passed: readonly string[] } {
  const events = new EventEmitter();
  const died = once(events, 'died').then(() => undefined);
  const passed: string[] = [];
  const gate = async (boundary: Boundary): Promise<void> => {
    const name = `${boundary.phase} ${boundary.name}`;
    passed.push(name);
    if (!dies(boundary)) return;
    events.emit('died');
    await new Promise<never>(() => undefined);
  };
  return { gate, died, passed };
}

/** A process that dies leaves its journals open; here the one process must close them in its place. */
function trackJournals(store: JournalStore): { readonly journals: JournalStore; readonly releaseAll: () => Promise<void> } {
  const open = new Set<OpenJournal>();
  const track = (journal: OpenJournal): OpenJournal => {
    const tracked: OpenJournal = {
      append: (entries, outlives) => journal.append(entries, outlives),
      close: async () => {
        open.delete(journal);
        await journal.close();
      },
      release: async () => {
        open.delete(journal);
        await journal.release();
      },
    };
    open.add(journal);
    return tracked;
  };
  return {
    journals: { unfinished: () => store.unfinished(), open: async (header) => track(await store.open(header)), reopen: async (change) => track(await store.reopen(change)) },
    releaseAll: async () => {
      for (const journal of open) await journal.release();
    },
  };
}
