import { DeadlineReached, withDeadline } from '../core/deadline.js';
import { SupervisorError, ERRORS, toSupervisorError } from '../core/errors.js';
import type { Clock, Random } from '../core/clock.js';
import type { Emit } from '../core/events.js';
import type { Attention, ConnectorStatus } from '../core/status.js';
import type { ConnectorHandle, Connectors, IngressRule } from '../forwarding/ports.js';
import { orAbandon } from '../transaction/abandon.js';
import { Conditions } from './conditions.js';
import { EffectRunner } from './effects.js';
import type { EffectPorts } from './effects.js';
import { failure } from './failures.js';
import type { Failure } from './failures.js';
import { fleetDueAt, keptSlot, newFleet, slotsOf } from './fleet.js';
import type { Fleet, FleetMessage, Slot } from './fleet.js';
import { stepFleet } from './fleet-step.js';
import { idOf, isOver, lifeOf, mayServe, servesNot } from './machine.js';
import { DEFAULT_POLICY } from './policy.js';
import type { Policy } from './policy.js';
import type { Program } from './ports.js';
import { Reporter } from './reporter.js';
import { firstDifference } from '../core/ingress.js';
import { Wakeup } from './wakeup.js';

export interface SupervisorPorts extends EffectPorts {
  readonly emit: Emit;
  readonly clock: Clock;
  readonly random: Random;
}

export interface SupervisorOptions {
  readonly policy?: Partial<Policy>;
  /** False (`replace=restart`): two connectors never run side by side on our own initiative. Default true. */
  readonly overlap?: boolean;
}

/**
 * One loop over the fleet: everything enters as a typed message, one at a time; what the fleet wants done is done
 * outside, and comes back as a message. The promises given out here are conditions on the fleet's state.
 */
export class ConnectorSupervisor implements Connectors {
  readonly #ports: SupervisorPorts;
  readonly #policy: Policy;
  readonly #effects: EffectRunner;
  readonly #wakeup: Wakeup;
  readonly #conditions = new Conditions();
  readonly #reporter: Reporter;
  #fleet: Fleet;
  #queue: FleetMessage[] | undefined;
  #handedOver = false;

  constructor(ports: SupervisorPorts, options: SupervisorOptions = {}) {
    this.#ports = ports;
    this.#policy = { ...DEFAULT_POLICY, ...options.policy };
    this.#fleet = newFleet(options.overlap ?? true);
    this.#effects = new EffectRunner(ports, (message) => this.#dispatch({ type: 'life', message }));
    this.#reporter = new Reporter(ports, (id) => this.#effects.processOf(id));
    this.#wakeup = new Wakeup(ports.clock, () => this.#dispatch({ type: 'tick' }));
  }

  current(): readonly ConnectorHandle[] {
    // One that ended and is not kept is nobody's; one that waits for its next start counts.
    return this.#fleet.slots.filter((slot) => !slot.dismissed && !isOver(slot.machine.phase)).map(toHandle);
  }

  /**
   * `program`: tried with this connector alone, until it is kept.
   * @throws SupervisorError the failure, where no process could be started.
   */
  async start(revision: number, program?: Program): Promise<ConnectorHandle> {
    const key = this.#fleet.nextId;
    this.#dispatch({ type: 'start', revision, program });
    const begun = await this.#until(key, (slot) => {
      if (slot === undefined) throw new SupervisorError('DAEMON_STOPPING', 'The daemon is stopping: no connector is started.');
      return slot.machine.phase.name === 'launching' ? undefined : slot;
    });
    if (!isOver(begun.machine.phase)) return toHandle(begun);
    this.#dispatch({ type: 'dismiss', key, how: 'drain' }); // nobody has a handle to do it by
    throw errorOf(begun);
  }

  async verify(handle: ConnectorHandle, expected: readonly IngressRule[], signal: AbortSignal): Promise<void> {
    const difference = firstDifference(expected, await this.#readRules(handle, signal));
    if (difference !== undefined) throw new SupervisorError('CONNECTOR_MISMATCH', `The connector does not run the rules of revision ${handle.revision}: ${difference}.`);
  }

  promote(revision: number): void {
    this.#dispatch({ type: 'promote', revision });
  }

  /** As `promote`, for one of two on the same revision: an upgrade of the program that runs it. */
  prefer(handle: ConnectorHandle): void {
    this.#dispatch({ type: 'prefer', key: handle.id });
  }

  async awaitSuccessor(old: readonly ConnectorHandle[], signal: AbortSignal): Promise<void> {
    await this.#conditions.until(() => {
      const kept = keptSlot(this.#fleet);
      if (kept === undefined || kept.machine.phase.name === 'ready') return true;
      return old.some(({ id }) => slotsOf(this.#fleet, id).some((slot) => mayServe(slot.machine.phase))) ? undefined : true;
    }, signal);
  }

  async retire(handle: ConnectorHandle): Promise<void> {
    await this.#dismiss(handle, 'drain', servesNot);
  }

  async stop(handle: ConnectorHandle): Promise<void> {
    await this.#dismiss(handle, 'drain', isOver);
  }

  async kill(handle: ConnectorHandle): Promise<void> {
    await this.#dismiss(handle, 'kill', isOver);
  }

  /**
   * Finds the connectors of a supervisor that is gone. They go on serving, and are among `current()`, until the kept
   * connector (`takeOver`, `promote`) is ready; only then they are stopped. Call it before anything is started.
   */
  async adoptOrphans(): Promise<readonly ConnectorHandle[]> {
    const known = new Set(this.#effects.running().map((process) => process.pid));
    const orphans = (await this.#ports.launcher.findOrphans()).filter((orphan) => !known.has(orphan.pid));
    return orphans.map((orphan) => {
      const id = this.#fleet.nextId;
      this.#effects.adopt(id, orphan);
      const ageMs = Math.max(0, this.#ports.clock.now() - orphan.startedAt);
      this.#dispatch({ type: 'adopt', revision: orphan.revision, pid: orphan.pid, ageMs });
      return { id, revision: orphan.revision, pid: orphan.pid };
    });
  }

  /**
   * What a starting daemon does with its committed revision: a connector on it is started and kept, beside the orphans
   * where two may run side by side. With no revision the orphans are stopped.
   */
  async takeOver(revision: number | undefined): Promise<void> {
    if (revision === undefined || !this.#fleet.overlap) {
      const unfit = this.#fleet.slots.filter((slot) => slot.role === 'orphan' && slot.machine.revision !== revision);
      await Promise.all(unfit.map(async (slot) => await this.stop(toHandle(slot))));
    }
    if (revision !== undefined) this.promote(revision);
  }

  /** Drains all of them side by side and resolves when the last has ended. Nothing is started any more. */
  async stopAll(): Promise<void> {
    const keys = this.#fleet.slots.map((slot) => slot.key);
    this.#dispatch({ type: 'close' });
    await Promise.all(keys.map(async (key) => await this.#until(key, (slot) => (slot === undefined || isOver(slot.machine.phase) ? true : undefined))));
    this.#wakeup.cancel();
  }

  /** Leaves them running for the next supervisor. Nothing may be asked of this one any more. */
  handover(): void {
    this.#handedOver = true;
    this.#wakeup.cancel();
    this.#effects.letGo();
  }

  /** The log of this process moved: a reason to ask it how it is. */
  nudge(pid: number): void {
    const slot = this.#fleet.slots.find((other) => lifeOf(other.machine.phase)?.pid === pid);
    if (slot !== undefined) this.#dispatch({ type: 'life', message: { type: 'nudged', id: idOf(slot.machine.phase) } });
  }

  status(): readonly ConnectorStatus[] {
    return this.#fleet.slots.map((slot) => this.#reporter.statusOf(slot));
  }

  /** What Cloudflare knows the running connectors by. */
  async connectorIds(): Promise<readonly string[]> {
    const ids = await Promise.all(this.#effects.running().map(async ({ metricsPort }) => await this.#ports.prober.readConnectorId(metricsPort)));
    return ids.filter((id) => id !== undefined);
  }

  /** What is wrong with the kept connector, and what a person can do. */
  attention(): readonly Attention[] {
    const reason = keptSlot(this.#fleet)?.machine.failure;
    return reason === undefined ? [] : [{ code: reason.code, message: reason.message, hint: ERRORS[reason.code].hint }];
  }

  #dispatch(message: FleetMessage): void {
    if (this.#handedOver) return;
    if (this.#queue !== undefined) {
      this.#queue.push(message);
      return;
    }
    this.#queue = [message];
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#step(next);
    } finally {
      this.#queue = undefined;
    }
    this.#effects.forget((id) => this.#fleet.slots.some((slot) => slot.lives.includes(id)));
    this.#wakeup.at(fleetDueAt(this.#fleet));
    this.#conditions.lookAgain();
  }

  #step(message: FleetMessage): void {
    const { clock, random } = this.#ports;
    const before = this.#fleet;
    const { fleet, effects } = stepFleet(before, message, { now: clock.monotonic(), random, policy: this.#policy });
    this.#fleet = fleet;
    for (const effect of effects) {
      if (effect.type === 'announce') this.#reporter.announce(effect, [...fleet.slots, ...before.slots]);
      else this.#effects.perform(effect);
    }
  }

  async #dismiss(handle: ConnectorHandle, how: 'drain' | 'kill', enough: (phase: Slot['machine']['phase']) => boolean): Promise<void> {
    const keys = slotsOf(this.#fleet, handle.id).map((slot) => slot.key);
    this.#dispatch({ type: 'dismiss', key: handle.id, how });
    await Promise.all(keys.map(async (key) => await this.#until(key, (slot) => (slot === undefined || enough(slot.machine.phase) ? true : undefined))));
  }

  /** What it shows once it is ready. One that ends after it said so, or does not show them, is waited for again: it may be started once more. */
  async #readRules(handle: ConnectorHandle, signal: AbortSignal): Promise<readonly IngressRule[]> {
    const { clock, prober } = this.#ports;
    const { readyTimeoutMs } = this.#policy;
    let latest: Slot | undefined;
    let missing = 'did not get ready';
    const read = async (either: AbortSignal): Promise<readonly IngressRule[]> => {
      for (;;) {
        const process = await this.#until(handle.id, (slot) => {
          latest = slot;
          if (slot === undefined || isOver(slot.machine.phase)) throw errorOf(slot);
          return slot.machine.phase.name === 'ready' ? this.#effects.processOf(idOf(slot.machine.phase)) : undefined;
        }, either);
        try {
          return await orAbandon(either, prober.readRules(process.metricsPort));
        } catch (error) {
          if (either.aborted || error instanceof SupervisorError) throw error;
          missing = `did not show its rules (${toSupervisorError(error).message})`;
        }
        this.nudge(process.pid);
        await clock.sleep(READ_AGAIN_MS, either);
      }
    };
    return await withDeadline(clock, readyTimeoutMs, signal, read).catch((error: unknown) => {
      throw error instanceof DeadlineReached && !signal.aborted ? errorOf(latest, failure('CONNECTOR_NOT_READY', `The connector on revision ${handle.revision} ${missing} within ${readyTimeoutMs / 1_000} s.`)) : error;
    });
  }

  async #until<T>(key: number, look: (slot: Slot | undefined) => T | undefined, signal?: AbortSignal): Promise<T> {
    return await this.#conditions.until(() => look(slotsOf(this.#fleet, key).at(-1)), signal);
  }
}

/** A connector that is ready answers in milliseconds. */
const READ_AGAIN_MS = 250;

/** No pid where it waits for its next start. */
const toHandle = ({ key, machine }: Slot): ConnectorHandle => ({ id: key, revision: machine.revision, pid: lifeOf(machine.phase)?.pid ?? 0 });

function errorOf(slot: Slot | undefined, otherwise: Failure = failure('CONNECTOR_CRASHED', 'The connector has been stopped.')): SupervisorError {
  const { code, message } = slot?.machine.failure ?? otherwise;
  return new SupervisorError(code, message);
}
