import { diagnoseEnd, diagnoseLife } from './diagnose.js';
import { toFailure } from './failures.js';
import type { FleetEffect } from './fleet.js';
import type { Message } from './machine.js';
import type { ConnectorProcess, FactFinder, Launcher, Prober } from './ports.js';

export interface EffectPorts {
  readonly launcher: Launcher;
  readonly prober: Prober;
  readonly facts: FactFinder;
}

export type LifeMessage = Message & { readonly id: number };
type Performed = Exclude<FleetEffect, { type: 'announce' }>;
type EffectOf<T extends Performed['type']> = Extract<Performed, { type: T }>;

/** What is kept of one life while anything may still be asked of it. */
interface LifeRecord {
  readonly revision: number;
  /** Of the files it was started from, before they were read. */
  readonly fingerprint: Promise<string>;
  /** The kernel's count of victims, before it was started. */
  readonly memoryKills: Promise<number | undefined>;
  process: ConnectorProcess | undefined;
  running: boolean;
}

/** Does what connectors want done, and answers with messages. Knows the processes; decides nothing. */
export class EffectRunner {
  readonly #ports: EffectPorts;
  readonly #post: (message: LifeMessage) => void;
  readonly #lives = new Map<number, LifeRecord>();
  #letGo = false;

  constructor(ports: EffectPorts, post: (message: LifeMessage) => void) {
    this.#ports = ports;
    this.#post = post;
  }

  processOf(id: number): ConnectorProcess | undefined {
    return this.#lives.get(id)?.process;
  }

  running(): readonly ConnectorProcess[] {
    return [...this.#lives.values()].flatMap(({ running, process }) => (running && process !== undefined ? [process] : []));
  }

  adopt(id: number, process: ConnectorProcess): void {
    this.#own(this.#begin(id, process.revision), id, process);
  }

  /** Drops what is kept of lives that nobody speaks of any more. */
  forget(isKnown: (id: number) => boolean): void {
    for (const [id, life] of this.#lives) if (!life.running && !isKnown(id)) this.#lives.delete(id);
  }

  /** Handover: all of them live on without us. */
  letGo(): void {
    this.#letGo = true;
    for (const { running, process } of this.#lives.values()) if (running) process?.letGo();
  }

  perform(effect: Performed): void {
    switch (effect.type) {
      case 'launch': this.#answer(this.#launch(effect)); return;
      case 'probe': this.#answer(this.#probe(effect)); return;
      case 'terminate': this.processOf(effect.id)?.terminate(); return;
      case 'kill': this.processOf(effect.id)?.kill(); return;
      case 'diagnose-life': this.#answer(this.#diagnoseLife(effect)); return;
      case 'diagnose-exit': this.#answer(this.#diagnoseExit(effect)); return;
      case 'check-network': this.#answer(this.#checkNetwork(effect)); return;
      case 'check-cause': this.#answer(this.#checkCause(effect)); return;
    }
  }

  /** The ports do not reject. Should one, the fault is ours: it ends the process instead of a connector silently. */
  #answer(message: Promise<LifeMessage | undefined>): void {
    void message.then((answer) => (answer === undefined ? undefined : this.#post(answer)));
  }

  #begin(id: number, revision: number): LifeRecord {
    const { facts } = this.#ports;
    const life: LifeRecord = { revision, fingerprint: facts.fingerprint(revision), memoryKills: facts.memoryKills(), process: undefined, running: true };
    this.#lives.set(id, life);
    return life;
  }

  #own(life: LifeRecord, id: number, process: ConnectorProcess): void {
    life.process = process;
    this.#answer(process.ended.then((exit): LifeMessage => {
      life.running = false;
      return { type: 'exited', id, exit };
    }));
  }

  async #launch({ id, revision, program }: EffectOf<'launch'>): Promise<LifeMessage | undefined> {
    const life = this.#begin(id, revision);
    try {
      const process = await this.#ports.launcher.launch(revision, program);
      this.#own(life, id, process);
      // Handed over while it was being started: the next supervisor finds it.
      if (this.#letGo) process.letGo();
      return { type: 'launched', id, pid: process.pid };
    } catch (thrown) {
      life.running = false;
      return { type: 'launch-failed', id, failure: toFailure(thrown) };
    }
  }

  async #probe({ id, ask, counters }: EffectOf<'probe'>): Promise<LifeMessage> {
    const port = this.processOf(id)?.metricsPort;
    if (port === undefined) return { type: 'probed', id, ask, probe: { kind: 'unreachable' }, counters: undefined };
    const probe = await this.#ports.prober.probe(port);
    const counted = counters && probe.kind === 'not-ready' ? await this.#ports.prober.readCounters(port) : undefined;
    return { type: 'probed', id, ask, probe, counters: counted };
  }

  async #diagnoseLife({ id, refused, refusedAgain, everReady, mute }: EffectOf<'diagnose-life'>): Promise<LifeMessage | undefined> {
    const life = this.#lives.get(id);
    if (life === undefined) return undefined;
    return { type: 'life-diagnosed', id, ...await diagnoseLife(this.#ports.facts, { revision: life.revision, refused, refusedAgain, everReady, mute }) };
  }

  async #diagnoseExit({ id, exit, livedMs, everReady, refused }: EffectOf<'diagnose-exit'>): Promise<LifeMessage | undefined> {
    const life = this.#lives.get(id);
    if (life === undefined) return undefined;
    const { revision, process } = life;
    const ended = { revision, metricsPort: process?.metricsPort, exit, livedMs, everReady, refused, memoryKillsBefore: await life.memoryKills };
    return { type: 'exit-diagnosed', id, failure: await diagnoseEnd(this.#ports.facts, ended) };
  }

  async #checkNetwork({ id }: EffectOf<'check-network'>): Promise<LifeMessage> {
    return { type: 'network-checked', id, network: await this.#ports.facts.network() };
  }

  async #checkCause({ id }: EffectOf<'check-cause'>): Promise<LifeMessage | undefined> {
    const life = this.#lives.get(id);
    if (life === undefined) return undefined;
    const now = await this.#ports.facts.fingerprint(life.revision);
    return { type: 'cause-checked', id, changed: now !== await life.fingerprint };
  }
}
