import type { Clock } from '../../../src/core/clock.js';
import type { DnsChange, DnsPlan, LedgerEntry } from '../../../src/core/dns.js';
import { SupervisorError } from '../../../src/core/errors.js';
import type { EventType, EventData } from '../../../src/core/events.js';
import type { Revision } from '../../../src/core/revision.js';
import type { DeviceAddress } from '../../../src/core/rule.js';
import { tunnelTarget, type TunnelIdentity } from '../../../src/core/tunnel.js';
import type { ApplyLimits, ApplyPorts, ReplaceMode } from '../../../src/forwarding/change.js';
import type { IngressRule } from '../../../src/core/ingress.js';
import type { ConnectorHandle } from '../../../src/forwarding/ports.js';
import { createWriter, type ForwardingWriter } from '../../../src/forwarding/writer.js';
import { revisionToServe } from '../../../src/forwarding/wants-connector.js';
import { orAbandon } from '../../../src/transaction/abandon.js';
import type { Gate, JournalEntry, JournalHeader, OpenJournal } from '../../../src/transaction/ports.js';
import { parse } from 'yaml';

/** Everything that outlives a supervisor: disk, processes, Cloudflare. In memory; each supervisor is a set of ports on it. */

export const TUNNEL: TunnelIdentity = { id: '11111111-2222-3333-4444-555555555555', name: 'test', accountId: 'account', zoneId: 'zone', domain: 'example.com', madeByUs: true, joined: false };

export interface Process {
  readonly pid: number;
  readonly revision: number;
  readonly config: string;
  serving: boolean;
}

type Op = 'before' | 'after';

export class World {
  readonly revisions = new Map<number, { readonly revision: Revision; readonly yaml: string }>();
  committed: number | undefined;
  highest = 0;
  /** `synced` is how many entries outlive a loss of power; undefined where the file itself would not. */
  readonly journals = new Map<string, { readonly header: JournalHeader; readonly entries: JournalEntry[]; synced: number | undefined }>();
  readonly processes: Process[] = [];
  /** Hostname to content, at Cloudflare. */
  readonly records = new Map<string, string>();
  readonly ledger = new Map<string, LedgerEntry>();
  readonly owed = new Set<string>();
  artifacts = 'old';
  keptArtifacts: string | undefined;
  copy: number | undefined;
  readonly devices = new Map<string, DeviceAddress>();
  readonly events: { readonly type: EventType; readonly data: unknown }[] = [];
  /** Fewest connectors that served at any moment since it was set. */
  fewestServing = Number.POSITIVE_INFINITY;
  mostRunning = 0;
  tunnel: TunnelIdentity | undefined = TUNNEL;
  /** What a setup has staged. */
  staged: TunnelIdentity | undefined;

  installed(): TunnelIdentity | undefined {
    return this.artifacts === 'new' ? (this.staged ?? this.tunnel) : this.tunnel;
  }

  serving(): readonly Process[] {
    return this.processes.filter((process) => process.serving);
  }

  /** No process, and nothing that had not been waited for. */
  losePower(): void {
    this.processes.length = 0;
    for (const [change, { entries, synced }] of this.journals) {
      if (synced === undefined) this.journals.delete(change);
      else entries.splice(synced);
    }
  }

  noteServing(): void {
    this.fewestServing = Math.min(this.fewestServing, this.serving().length);
    this.mostRunning = Math.max(this.mostRunning, this.processes.length);
  }

  eventTypes(): readonly EventType[] {
    return this.events.map(({ type }) => type).filter((type) => type !== 'forwarding.progressed');
  }

  /** What visitors get: names with a record, as the only connector answers them. */
  published(): unknown {
    const [one] = this.serving();
    return { records: [...this.records].map(([hostname, content]) => `${hostname} ${content}`).sort(), ingress: one === undefined ? undefined : (parse(one.config) as { readonly ingress: unknown }).ingress };
  }
}

/** A fault or delay of one port call: may throw, wait, or do nothing. */
export type Intercept = (name: string) => Promise<void> | void;

export interface SupervisorOptions {
  readonly mode?: ReplaceMode;
  readonly gate?: Gate;
  readonly intercept?: Intercept;
  readonly limits?: Partial<ApplyLimits>;
  readonly clock?: Clock;
  /** Ends this supervisor at the numbered port call, before or after its effect. */
  readonly killAt?: { readonly call: number; readonly op: Op };
}

export interface Supervisor {
  readonly writer: ForwardingWriter;
  readonly ports: ApplyPorts;
  /** Resolves when it was killed. */
  readonly killed: Promise<void>;
  /** From now on none of its calls has an effect or comes back. */
  kill(): void;
  /** Calls made so far, by name. */
  readonly calls: string[];
}

const never = new Promise<never>(() => {});

export function startSupervisor(world: World, options: SupervisorOptions = {}): Supervisor {
  const calls: string[] = [];
  let dead = false;
  let tellKilled = (): void => {};
  const killed = new Promise<void>((resolve) => {
    tellKilled = resolve;
  });
  const kill = (): void => {
    dead = true;
    tellKilled();
  };
  /** One effect on the world: the process may die before or after it. */
  const act = async <T>(name: string, effect: () => T): Promise<T> => {
    if (dead) return never;
    const call = calls.push(name) - 1;
    const { killAt } = options;
    if (killAt?.call === call && killAt.op === 'before') kill();
    if (dead) return never;
    await options.intercept?.(name);
    if (dead) return never;
    const result = effect();
    world.noteServing();
    if (killAt?.call === call && killAt.op === 'after') kill();
    return dead ? never : result;
  };

  const managed: Process[] = [...world.processes];
  const retired = new Set<number>();
  const alive = (process: Process): boolean => world.processes.includes(process) && !retired.has(process.pid);
  const handleOf = ({ pid, revision }: Process): ConnectorHandle => ({ id: pid, pid, revision });
  const find = ({ pid }: ConnectorHandle): Process | undefined => world.processes.find((process) => process.pid === pid);
  const spawn = (revision: number): Process => {
    const files = world.revisions.get(revision);
    if (files === undefined) throw new SupervisorError('CONFIG_REFUSED', `there is no ${revision}.yml`);
    const process = { pid: 1000 + world.processes.length + calls.length * 10, revision, config: files.yaml, serving: false };
    world.processes.push(process);
    managed.push(process);
    return process;
  };
  const end = (process: Process | undefined): void => {
    if (process === undefined) return;
    process.serving = false;
    world.processes.splice(world.processes.indexOf(process), 1);
  };
  const leave = async (name: string, handle: ConnectorHandle): Promise<void> =>
    act(name, () => {
      retired.add(handle.pid);
      end(find(handle));
    });

  const openJournal = (change: string): OpenJournal => ({
    append: (entries, outlives) =>
      act('journal.append', () => {
        const journal = world.journals.get(change);
        if (journal === undefined) return;
        journal.entries.push(...structuredClone([...entries]));
        if (outlives === 'machine') journal.synced = journal.entries.length;
      }),
    close: () => act('journal.close', () => void world.journals.delete(change)),
    release: () => act('journal.release', () => undefined),
  });
  let changes = 0;
  const ports: ApplyPorts = {
    clock: options.clock ?? stoppedClock,
    emit: <T extends EventType>(type: T, data: EventData[T]) => {
      if (!dead) world.events.push({ type, data });
    },
    revisions: {
      current: () => (world.committed === undefined ? undefined : world.revisions.get(world.committed)?.revision),
      read: (revision) => act('revisions.read', () => world.revisions.get(revision)?.revision),
      list: async () => [...world.revisions.values()].map(({ revision }) => revision).toSorted((a, b) => b.revision - a.revision),
      nextNumber: () => world.highest + 1,
      write: (revision, yaml) =>
        act('revisions.write', () => {
          world.highest = Math.max(world.highest, revision.revision);
          world.revisions.set(revision.revision, { revision: structuredClone(revision), yaml });
        }),
      remove: (revision) =>
        act('revisions.remove', () => {
          if (world.committed === revision) world.committed = undefined;
          world.revisions.delete(revision);
        }),
      commit: (revision) =>
        act('revisions.commit', () => {
          if (!world.revisions.has(revision)) throw new SupervisorError('REVISION_UNKNOWN', `${revision}`);
          world.committed = revision;
        }),
    },
    connectors: {
      current: () => managed.filter(alive).map(handleOf),
      start: (revision) => act('connectors.start', () => handleOf(spawn(revision))),
      verify: (handle, expected) =>
        act('connectors.verify', () => {
          const process = find(handle);
          if (process === undefined) throw new SupervisorError('CONNECTOR_CRASHED', 'it is gone');
          process.serving = true;
          const { ingress } = parse(process.config) as { readonly ingress: readonly IngressRule[] };
          if (JSON.stringify(ingress) !== JSON.stringify(expected)) throw new SupervisorError('CONNECTOR_MISMATCH', 'other rules');
        }),
      promote: (revision) => {
        if (dead) return;
        const running = managed.filter(alive).findLast((process) => process.revision === revision);
        (running ?? spawn(revision)).serving = true;
        world.noteServing();
      },
      awaitSuccessor: async (_, signal) => orAbandon(signal, act('connectors.awaitSuccessor', () => undefined)),
      retire: (handle) => leave('connectors.retire', handle),
      stop: (handle) => leave('connectors.stop', handle),
      kill: (handle) => leave('connectors.kill', handle),
    },
    dns: {
      plan: (wanted) => act('dns.plan', () => planRecords(world, wanted)),
      awaitTurn: async () => options.intercept?.('dns.awaitTurn'),
      execute: (change) => act(`dns.execute ${change.hostname}`, () => execute(world, change)),
      undo: (change) => act(`dns.undo ${change.hostname}`, () => undo(world, change)),
      owe: (change) => act('dns.owe', () => void world.owed.add(change.hostname)),
      stateOf: (hostname) => (world.ledger.has(hostname) ? 'created' : 'none'),
    },
    addresses: { resolve: (ids) => act('addresses.resolve', () => new Map(ids.flatMap((id) => {
      const known = world.devices.get(id);
      return known === undefined ? [] : [[id, known] as const];
    }))) },
    copies: { write: (revision) => act('copies.write', () => {
      world.copy = revision.revision;
      return [];
    }) },
    artifacts: {
      install: () => act('artifacts.install', () => {
        world.keptArtifacts ??= world.artifacts;
        world.artifacts = 'new';
      }),
      restore: () => act('artifacts.restore', () => {
        world.artifacts = world.keptArtifacts ?? world.artifacts;
        world.keptArtifacts = undefined;
      }),
      forget: () => act('artifacts.forget', () => {
        world.keptArtifacts = undefined;
      }),
    },
    journals: {
      open: (header) => act('journal.open', () => {
        world.journals.set(header.change, { header: structuredClone(header), entries: [], synced: undefined });
        return openJournal(header.change);
      }),
      unfinished: async () => structuredClone([...world.journals.values()]),
      reopen: async (change) => openJournal(change),
    },
    tunnel: () => world.installed(),
    credentialsFile: (tunnelId) => `/base/${tunnelId}.json`,
    createChangeId: () => `change-${world.events.length}-${(changes += 1)}`,
    chooseReplaceMode: () => ({ mode: options.mode ?? 'overlap' }),
    fileExists: async (path) => path.startsWith('/there/'),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.gate === undefined ? {} : { gate: options.gate }),
  };
  return { writer: createWriter(ports, () => 0.5), ports, killed, kill, calls };
}

/** Deadlines never pass. */
const stoppedClock: Clock = {
  now: () => Date.UTC(2026, 0, 1),
  monotonic: () => 0,
  sleep: (_, signal) => new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })),
};

/** What a starting daemon does: the committed revision is served, and what was left unfinished is finished or undone. */
export async function restart(world: World, options: SupervisorOptions = {}): Promise<Supervisor> {
  const supervisor = startSupervisor(world, options);
  const { connectors, tunnel, revisions } = supervisor.ports;
  const serve = async (): Promise<void> => {
    const revision = revisionToServe(tunnel(), revisions.current());
    if (revision !== undefined) connectors.promote(revision);
  };
  if (revisionToServe(tunnel(), revisions.current()) === undefined) await Promise.all(connectors.current().map((orphan) => connectors.stop(orphan)));
  await serve();
  await supervisor.writer.recover();
  await serve();
  return supervisor;
}

function planRecords(world: World, wanted: { readonly hostnames: readonly string[]; readonly tunnelId: string; readonly zoneId: string }): DnsPlan {
  const content = tunnelTarget(wanted.tunnelId);
  const { zoneId } = wanted;
  const publish = wanted.hostnames.flatMap((hostname): DnsChange[] => {
    const entry = world.ledger.get(hostname);
    if (entry === undefined) return [{ kind: 'create-record', hostname, zoneId, content, via: 'api' }];
    return entry.content === content ? [] : [{ kind: 'update-record', hostname, zoneId, recordId: hostname, content, previousContent: entry.content }];
  });
  const withdraw = [...world.ledger.values()].filter((entry) => !wanted.hostnames.includes(entry.hostname)).map((entry): DnsChange => ({ kind: 'delete-record', hostname: entry.hostname, entry }));
  const conflicts = publish.flatMap(({ hostname }) => {
    const there = world.records.get(hostname);
    return there === undefined || world.ledger.has(hostname) ? [] : [{ hostname, record: { id: hostname, zoneId, name: hostname, type: 'A', content: there, proxied: false, ttl: 1, comment: '' } }];
  });
  return { publish, withdraw, conflicts, warnings: [] };
}

function put(world: World, hostname: string, content: string): void {
  world.records.set(hostname, content);
  world.ledger.set(hostname, { hostname, zoneId: 'zone', recordId: hostname, content, createdAt: '', previous: [], adopted: false, removalOwed: false });
}

function drop(world: World, hostname: string): void {
  world.records.delete(hostname);
  world.ledger.delete(hostname);
}

function execute(world: World, change: DnsChange): { readonly warnings: [] } {
  if ('content' in change) put(world, change.hostname, change.content);
  else drop(world, change.hostname);
  return { warnings: [] };
}

function undo(world: World, change: DnsChange): { readonly warnings: [] } {
  if (change.kind === 'create-record') drop(world, change.hostname);
  else if (change.kind === 'update-record') put(world, change.hostname, change.previousContent);
  else if (change.kind === 'delete-record') put(world, change.hostname, change.entry.content);
  return { warnings: [] };
}
