import { classifyEnd, classifyLife, classifyLocally } from '../../../src/connector/classify.js';
import { failure } from '../../../src/connector/failures.js';
import { fleetDueAt, newFleet } from '../../../src/connector/fleet.js';
import { stepFleet } from '../../../src/connector/fleet-step.js';
import type { Fleet, FleetEffect, FleetMessage } from '../../../src/connector/fleet.js';
import { DEFAULT_POLICY } from '../../../src/connector/policy.js';
import type { Policy } from '../../../src/connector/policy.js';
import type { ProcessExit } from '../../../src/connector/ports.js';

/** How a process of this world behaves from its start on. */
export interface Nature {
  /** Ms from its start to its first connection; undefined: never by itself. */
  readonly readyAfterMs: number | undefined;
  /** It ends by itself after this. */
  readonly crashAfterMs: number | undefined;
  /** Requests in flight need this long after SIGTERM. */
  readonly drainMs: number;
  readonly ignoresSigterm: boolean;
}

export const SOUND: Nature = { readyAfterMs: 80, crashAfterMs: undefined, drainMs: 200, ignoresSigterm: false };

interface SimulatedProcess {
  readonly id: number;
  readonly revision: number;
  readonly startedAt: number;
  readonly nature: Nature;
  terminatedByUs: boolean;
  unregistered: boolean;
  everReady: boolean;
  gone: boolean;
}

/**
 * A world in which time is a number: processes, a network and a config that behave as they are told. Holds the fleet
 * and gives it answers; everything that must hold at all times is checked after every message.
 */
export class SimulatedWorld {
  now = 0;
  networkUp = true;
  resolverAlive = true;
  tunnelExists = true;
  brokenRevisions = new Set<number>();
  /** Changes when somebody repairs something. */
  fileMark = 0;
  portTaken = false;
  nature: Nature = SOUND;
  fleet: Fleet;
  readonly launches: { readonly at: number; readonly id: number; readonly revision: number }[] = [];
  readonly readyTimes: number[] = [];
  readonly failures: { readonly at: number; readonly code: string }[] = [];
  readonly processes = new Map<number, SimulatedProcess>();
  steps = 0;
  terminations = 0;
  kills = 0;
  readonly #policy: Policy;
  readonly #random: () => number;
  readonly #queue: { at: number; order: number; happen: () => void }[] = [];
  readonly #marks = new Map<number, number>();
  #order = 0;

  constructor(seed: number, policy: Partial<Policy> = {}, overlap = true) {
    this.#policy = { ...DEFAULT_POLICY, ...policy };
    this.#random = seededRandom(seed);
    this.fleet = newFleet(overlap);
  }

  get policy(): Policy {
    return this.#policy;
  }

  post(message: FleetMessage): void {
    this.steps += 1;
    const { fleet, effects } = stepFleet(this.fleet, message, { now: this.now, random: this.#random, policy: this.#policy });
    this.fleet = fleet;
    for (const effect of effects) this.#perform(effect);
    this.check();
  }

  /** Lets time pass, with all that happens in it. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const event = this.#queue[0];
      const due = fleetDueAt(this.fleet) ?? Infinity;
      const next = Math.min(event?.at ?? Infinity, due);
      if (next > end) break;
      this.now = Math.max(this.now, next);
      if (event !== undefined && event.at <= this.now) {
        this.#queue.shift();
        event.happen();
      } else this.post({ type: 'tick' });
    }
    this.now = end;
  }

  kept(): Fleet['slots'][number] | undefined {
    return this.fleet.slots.find((slot) => slot.machine.standing === 'kept');
  }

  running(): readonly SimulatedProcess[] {
    return [...this.processes.values()].filter((process) => !process.gone);
  }

  isReady(process: SimulatedProcess): boolean {
    const { readyAfterMs } = process.nature;
    return !process.gone && !process.unregistered && this.networkUp && this.tunnelExists && !this.brokenRevisions.has(process.revision)
      && readyAfterMs !== undefined && this.now - process.startedAt >= readyAfterMs;
  }

  /** Something outside ends or tells it to end. */
  signalFromOutside(signal: 'SIGTERM' | 'SIGKILL'): void {
    const process = this.running().at(-1);
    if (process === undefined) return;
    if (signal === 'SIGKILL') this.#end(process, 'SIGKILL', null);
    else this.#sigterm(process);
  }

  check(): void {
    const kept = this.fleet.slots.filter((slot) => slot.machine.standing === 'kept');
    if (kept.length > 1) throw new Error('two owners');
  }

  #at(delay: number, happen: () => void): void {
    const event = { at: this.now + delay, order: this.#order++, happen };
    const index = this.#queue.findIndex((other) => other.at > event.at);
    this.#queue.splice(index === -1 ? this.#queue.length : index, 0, event);
  }

  #tell(message: Extract<FleetMessage, { type: 'life' }>['message'], delay: number): void {
    this.#at(delay, () => this.post({ type: 'life', message }));
  }

  #perform(effect: FleetEffect): void {
    switch (effect.type) {
      case 'launch': this.#launch(effect.id, effect.revision); return;
      case 'probe': this.#answerProbe(effect.id, effect.ask, effect.counters); return;
      case 'terminate': {
        this.terminations += 1;
        const process = this.processes.get(effect.id);
        if (process === undefined || process.gone) return;
        // One that comes in the very millisecond in which we ask is nobody's fault.
        if (process.unregistered || process.terminatedByUs) throw new Error(`a second SIGTERM to ${process.id}`);
        process.terminatedByUs = true;
        this.#sigterm(process);
        return;
      }
      case 'kill': {
        this.kills += 1;
        const process = this.processes.get(effect.id);
        if (process !== undefined) this.#at(1, () => this.#end(process, 'SIGKILL', null));
        return;
      }
      case 'diagnose-life': {
        const { id, refused, refusedAgain, everReady, mute } = effect;
        this.#at(20, () => {
          const network = refusedAgain || this.networkUp ? 'up' : 'down';
          const remote = { refused, network, resolver: this.resolverAlive ? 'answers' : 'silent', edgeIsNamed: true, everReady, mute, tunnel: this.tunnelExists ? 'usable' : 'deleted' } as const;
          this.post({ type: 'life', message: { type: 'life-diagnosed', id, network, failure: classifyLife(remote) } });
        });
        return;
      }
      case 'diagnose-exit': {
        const { id, exit, livedMs, everReady, refused } = effect;
        const revision = this.processes.get(id)?.revision ?? 0;
        this.#at(60, () => {
          const refusedConfig = this.brokenRevisions.has(revision) ? 'broken' : undefined;
          const local = classifyLocally({ exit, everReady, preflight: undefined, memoryKill: false, portTaken: this.portTaken, binary: undefined, refusedConfig });
          const remote = { refused, everReady, mute: false, edgeIsNamed: true, network: this.networkUp ? 'up' : 'down', resolver: this.resolverAlive ? 'answers' : 'silent', tunnel: 'usable' } as const;
          this.post({ type: 'life', message: { type: 'exit-diagnosed', id, failure: local ?? classifyEnd(exit, livedMs, remote) } });
        });
        return;
      }
      case 'check-network': this.#at(20, () => this.post({ type: 'life', message: { type: 'network-checked', id: effect.id, network: this.networkUp ? 'up' : 'down' } })); return;
      case 'check-cause': this.#tell({ type: 'cause-checked', id: effect.id, changed: this.#marks.get(effect.id) !== this.fileMark }, 1); return;
      case 'announce':
        if (effect.announcement.event === 'connector.ready') this.readyTimes.push(this.now);
        if (effect.announcement.event === 'connector.failed') this.failures.push({ at: this.now, code: effect.announcement.failure.code });
    }
  }

  #launch(id: number, revision: number): void {
    this.launches.push({ at: this.now, id, revision });
    this.#marks.set(id, this.fileMark);
    const { nature } = this;
    const process: SimulatedProcess = { id, revision, startedAt: this.now + 3, nature, terminatedByUs: false, unregistered: false, everReady: false, gone: false };
    if (nature.readyAfterMs === -1) {
      this.#tell({ type: 'launch-failed', id, failure: failure('PROCESS_LIMIT') }, 3);
      return;
    }
    this.#at(3, () => {
      this.processes.set(id, process);
      this.post({ type: 'life', message: { type: 'launched', id, pid: 1_000 + id } });
      if (this.portTaken || this.brokenRevisions.has(revision)) this.#at(30, () => this.#end(process, null, 1));
      if (nature.crashAfterMs !== undefined) this.#at(nature.crashAfterMs, () => this.#end(process, null, 1));
    });
  }

  #answerProbe(id: number, ask: number, counters: boolean): void {
    this.#at(1, () => {
      const process = this.processes.get(id);
      const ready = process !== undefined && this.isReady(process);
      if (ready && process !== undefined) process.everReady = true;
      const listens = process !== undefined && !process.gone && this.now - process.startedAt >= 20;
      const refusals = process !== undefined && this.networkUp && !this.tunnelExists ? Math.ceil((this.now - process.startedAt) / 1_000) : 0;
      const counted = counters && listens && !ready ? { registerFailures: refusals, inFlight: process.unregistered ? 1 : 0 } : undefined;
      const probe = ready ? { kind: 'ready', connections: 4 } as const : { kind: listens ? 'not-ready' : 'unreachable' } as const;
      this.post({ type: 'life', message: { type: 'probed', id, ask, probe, counters: counted } });
    });
  }

  #sigterm(process: SimulatedProcess): void {
    if (process.nature.ignoresSigterm) return;
    this.#at(2, () => {
      process.unregistered = true;
    });
    this.#at(2 + Math.min(process.nature.drainMs, 30_000), () => this.#end(process, null, 0));
  }

  #end(process: SimulatedProcess, signal: string | null, exitCode: number | null): void {
    if (process.gone) return;
    process.gone = true;
    const exit: ProcessExit = { signal, exitCode, lastLine: '' };
    this.post({ type: 'life', message: { type: 'exited', id: process.id, exit } });
    // Long gone ones are nobody's business: the simulated years would fill the memory.
    if (this.processes.size > 200) for (const [id, other] of this.processes) if (other.gone && id < process.id - 50) this.processes.delete(id);
  }
}

/** Mulberry32: small, and the same everywhere. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6D2B79F5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The most of these times that fall into any window of this length. */
export function mostInWindow(times: readonly number[], windowMs: number): number {
  let most = 0;
  let start = 0;
  for (const [end, at] of times.entries()) {
    while (at - (times[start] ?? at) >= windowMs) start += 1;
    most = Math.max(most, end - start + 1);
  }
  return most;
}
