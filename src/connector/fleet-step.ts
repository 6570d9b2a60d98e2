import { failure } from './failures.js';
import { keptSlot, slotsOf } from './fleet.js';
import type { Fleet, FleetContext, FleetEffect, FleetMessage, FleetStep, Slot } from './fleet.js';
import { announce, idOf, isOver } from './machine.js';
import type { Context, Effect, Message, Standing, StopHow } from './machine.js';
import type { Program } from './ports.js';
import { adoptMachine, newMachine, startMachine, step } from './state-machine.js';

/** One message to the fleet, and what becomes of it. Pure: the rules of fleet.ts hold when it returns. */
export function stepFleet(fleet: Fleet, message: FleetMessage, context: FleetContext): FleetStep {
  const work = new Work(fleet, context);
  work.apply(message);
  work.settle();
  return work.result();
}

/** Lives and predecessors that are remembered: for what is still said of them. */
const REMEMBERED = 16;

/** One step in the making. Mutable for its own short life; nothing of it escapes but the result. */
class Work {
  #fleet: Fleet;
  readonly #context: FleetContext;
  readonly #effects: FleetEffect[] = [];

  constructor(fleet: Fleet, context: FleetContext) {
    this.#fleet = fleet;
    this.#context = context;
  }

  result(): FleetStep {
    return { fleet: this.#fleet, effects: this.#effects };
  }

  apply(message: FleetMessage): void {
    switch (message.type) {
      case 'start':
        this.#start(message.revision, 'candidate', 'own', message.program);
        return;
      case 'adopt': {
        const key = this.#fleet.nextId;
        const machine = adoptMachine(message.revision, message.pid, message.ageMs, this.#inner());
        this.#add({ key, role: 'orphan', lives: [key], inherits: [], machine, dismissed: false });
        this.#effects.push(announce(machine.phase, { event: 'connector.adopted' }));
        return;
      }
      case 'life': {
        const owner = this.#fleet.slots.find((slot) => slot.lives.includes(message.message.id));
        if (owner !== undefined) this.#tell(owner.key, message.message);
        return;
      }
      case 'promote':
        this.#promote(message.revision);
        return;
      case 'prefer':
        this.#prefer(message.key);
        return;
      case 'dismiss': {
        for (const slot of slotsOf(this.#fleet, message.key)) this.#dismiss(slot.key, message.how);
        return;
      }
      case 'close': {
        this.#fleet = { ...this.#fleet, closing: true, replacement: undefined };
        for (const slot of this.#fleet.slots) this.#dismiss(slot.key, 'drain-with-us');
        return;
      }
      case 'tick':
        for (const slot of this.#fleet.slots) this.#tell(slot.key, { type: 'tick' });
    }
  }

  /** The rules that hold after every message. */
  settle(): void {
    this.#settleReplacement();
    if (keptSlot(this.#fleet)?.machine.phase.name === 'ready') {
      for (const slot of this.#fleet.slots) if (slot.role === 'orphan' && !slot.dismissed) this.#dismiss(slot.key, 'drain');
    }
    // Nobody dismisses what is released and ended by itself. A candidate that was given up stays until its change has seen why.
    const slots = this.#fleet.slots.filter(({ machine, dismissed }) => !(isOver(machine.phase) && (dismissed || machine.standing === 'released')));
    this.#fleet = { ...this.#fleet, slots };
  }

  #settleReplacement(): void {
    const { replacement } = this.#fleet;
    if (replacement === undefined) return;
    const candidate = this.#find(replacement.key);
    const replaced = this.#find(replacement.of);
    const superseded = replaced === undefined || replaced.machine.standing !== 'kept';
    if (candidate !== undefined && !superseded && candidate.machine.phase.name === 'ready' && replaced.machine.phase.name !== 'ready') {
      this.#fleet = { ...this.#fleet, replacement: undefined };
      this.#update({ ...candidate, role: 'own', inherits: [replaced.key, ...replaced.inherits].slice(0, REMEMBERED) });
      this.#releaseOthers(candidate.key);
      this.#tell(candidate.key, { type: 'keep' });
      this.#dismiss(replaced.key, 'drain');
      return;
    }
    const over = candidate === undefined || isOver(candidate.machine.phase) || replacement.deadlineAt <= this.#context.now;
    // Where the lost one ended meanwhile and is being restarted, whichever is ready first serves.
    if (!over && !superseded && replaced.machine.phase.name !== 'ready') return;
    this.#dropReplacement();
    if (replaced !== undefined) this.#tell(replaced.key, { type: 'replacement-failed' });
  }

  #promote(revision: number): void {
    const fit = (slot: Slot): boolean => slot.machine.revision === revision && !slot.dismissed && slot.role !== 'replacement';
    const kept = keptSlot(this.#fleet);
    if (kept !== undefined && fit(kept)) return;
    this.#dropReplacement();
    // An orphan is relieved by one of ours, which alone can be watched closely; where there is room for one only, it stays.
    const chosen = this.#fleet.slots.findLast((slot) => fit(slot) && (slot.role === 'own' || !this.#fleet.overlap));
    if (chosen !== undefined) {
      this.#keepAlone(chosen);
      return;
    }
    this.#releaseOthers(undefined);
    this.#start(revision, 'kept', 'own');
  }

  #prefer(key: number): void {
    const chosen = this.#find(key);
    if (chosen === undefined || chosen.dismissed || chosen.machine.standing === 'kept') return;
    this.#dropReplacement();
    this.#keepAlone(chosen);
  }

  #keepAlone(chosen: Slot): void {
    this.#releaseOthers(chosen.key);
    this.#update({ ...chosen, role: 'own' });
    this.#tell(chosen.key, { type: 'keep' });
  }

  #replace(lost: Slot): void {
    const { now, policy } = this.#context;
    if (this.#fleet.closing || lost.machine.standing !== 'kept') return;
    if (!this.#fleet.overlap) {
      this.#tell(lost.key, { type: 'recycle', failure: failure('CONNECTOR_LOST') });
      return;
    }
    if (this.#fleet.replacement !== undefined || this.#fleet.replacementNotBefore > now) {
      this.#tell(lost.key, { type: 'replacement-failed' });
      return;
    }
    const key = this.#start(lost.machine.revision, 'candidate', 'replacement');
    const replacement = { key, of: lost.key, deadlineAt: now + policy.replacementReadyMs };
    this.#fleet = { ...this.#fleet, replacement, replacementNotBefore: now + policy.replacementReadyMs };
  }

  #dropReplacement(): void {
    const { replacement } = this.#fleet;
    if (replacement === undefined) return;
    this.#fleet = { ...this.#fleet, replacement: undefined };
    this.#dismiss(replacement.key, 'drain');
  }

  #start(revision: number, standing: Standing, role: Slot['role'], trial?: Program): number {
    const key = this.#fleet.nextId;
    if (this.#fleet.closing) return key;
    const started = startMachine(newMachine(revision, standing, trial), this.#inner());
    this.#add({ key, role, lives: [key], inherits: [], machine: started.machine, dismissed: false });
    this.#perform(key, started.effects);
    return key;
  }

  #add(slot: Slot): void {
    this.#fleet = { ...this.#fleet, nextId: this.#fleet.nextId + 1, slots: [...this.#fleet.slots, slot] };
  }

  #releaseOthers(key: number | undefined): void {
    for (const slot of this.#fleet.slots) if (slot.key !== key && slot.machine.standing === 'kept') this.#tell(slot.key, { type: 'release' });
  }

  #dismiss(key: number, how: StopHow): void {
    const slot = this.#find(key);
    if (slot === undefined) return;
    this.#update({ ...slot, dismissed: true });
    this.#tell(key, { type: 'release' });
    this.#tell(key, { type: 'stop', how });
  }

  #tell(key: number, message: Message): void {
    const slot = this.#find(key);
    if (slot === undefined) return;
    const next = step(slot.machine, message, this.#inner());
    const id = idOf(next.machine.phase);
    const born = id === this.#fleet.nextId;
    if (born) this.#fleet = { ...this.#fleet, nextId: id + 1 };
    this.#update({ ...slot, machine: next.machine, lives: born ? [...slot.lives, id].slice(-REMEMBERED) : slot.lives });
    this.#perform(key, next.effects);
  }

  #perform(key: number, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type !== 'replace') this.#effects.push(effect);
      else {
        const slot = this.#find(key);
        if (slot !== undefined) this.#replace(slot);
      }
    }
  }

  #find(key: number): Slot | undefined {
    return this.#fleet.slots.find((slot) => slot.key === key);
  }

  #update(slot: Slot): void {
    this.#fleet = { ...this.#fleet, slots: this.#fleet.slots.map((other) => (other.key === slot.key ? slot : other)) };
  }

  #inner(): Context {
    return { ...this.#context, nextId: this.#fleet.nextId };
  }
}
