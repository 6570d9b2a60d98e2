import { toIso } from '../core/clock.js';
import type { Clock } from '../core/clock.js';
import { SupervisorError } from '../core/errors.js';
import type { Emit } from '../core/events.js';
import type { ConnectorState, ConnectorStatus } from '../core/status.js';
import type { Slot } from './fleet.js';
import { idOf, lifeOf, visibleState } from './machine.js';
import type { Effect } from './machine.js';
import type { ConnectorProcess } from './ports.js';

/** Connectors as people and clients see them: status on demand, events as they happen. */
export class Reporter {
  readonly #emit: Emit;
  readonly #clock: Clock;
  readonly #processOf: (id: number) => ConnectorProcess | undefined;

  constructor(ports: { readonly emit: Emit; readonly clock: Clock }, processOf: (id: number) => ConnectorProcess | undefined) {
    this.#emit = ports.emit;
    this.#clock = ports.clock;
    this.#processOf = processOf;
  }

  statusOf({ machine: { phase, revision } }: Slot): ConnectorStatus {
    const life = lifeOf(phase);
    return this.#status(idOf(phase), revision, life?.pid ?? null, visibleState(phase), life?.connections ?? 0);
  }

  /** `slots`: where the life of the announcement is looked for, newest state first. */
  announce({ id, pid, announcement }: Extract<Effect, { type: 'announce' }>, slots: readonly Slot[]): void {
    const slot = slots.find((other) => other.lives.includes(id));
    const phase = slot !== undefined && idOf(slot.machine.phase) === id ? slot.machine.phase : undefined;
    const connections = phase === undefined ? 0 : lifeOf(phase)?.connections ?? 0;
    const as = (state: ConnectorState): ConnectorStatus => this.#status(id, slot?.machine.revision ?? 0, pid, state, connections);
    switch (announcement.event) {
      case 'connector.started': this.#emit('connector.started', as('starting')); return;
      case 'connector.adopted': this.#emit('connector.adopted', as('starting')); return;
      case 'connector.ready': this.#emit('connector.ready', as('ready')); return;
      case 'connector.lost': this.#emit('connector.lost', as('lost')); return;
      case 'connector.draining': this.#emit('connector.draining', as('draining')); return;
      case 'connector.stopped': {
        const { exitCode, signal } = announcement.exit;
        this.#emit('connector.stopped', { ...as('stopped'), exitCode, signal });
        return;
      }
      case 'connector.failed': {
        const { failure, retryAt } = announcement;
        const error = new SupervisorError(failure.code, failure.message).toBody();
        const at = retryAt === undefined ? null : toIso(this.#clock.now() + retryAt - this.#clock.monotonic());
        this.#emit('connector.failed', { ...as(phase === undefined ? 'stopped' : visibleState(phase)), error, retryAt: at });
      }
    }
  }

  #status(id: number, revision: number, pid: number | null, state: ConnectorState, connections: number): ConnectorStatus {
    const process = this.#processOf(id);
    return {
      id, pid, state, revision, connections,
      metricsUrl: process === undefined ? null : `http://127.0.0.1:${process.metricsPort}`,
      startedAt: process === undefined ? null : toIso(process.startedAt),
    };
  }
}
