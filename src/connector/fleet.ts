import type { Context, Effect, Machine, Message, StopHow } from './machine.js';
import type { Program } from './ports.js';
import { dueAt } from './state-machine.js';

/**
 * All connectors of one base directory. Pure. Rules that hold after every message:
 * - at most one is kept (restarted when it ends): the last one promoted;
 * - a replacement takes over only when it is ready; what it replaces ends after that;
 * - orphans end when the kept one is ready, not before.
 */
export interface Fleet {
  readonly slots: readonly Slot[];
  readonly nextId: number;
  /** Stopping: nothing is started any more. */
  readonly closing: boolean;
  /** Whether two connectors may run side by side for a replacement. */
  readonly overlap: boolean;
  readonly replacement: { readonly key: number; readonly of: number; readonly deadlineAt: number } | undefined;
  readonly replacementNotBefore: number;
}

export interface Slot {
  /** The id of its first life. */
  readonly key: number;
  /** Who started it: somebody's transaction or the daemon; we, to replace a lost one; an earlier supervisor. */
  readonly role: 'own' | 'replacement' | 'orphan';
  /** Ids of its latest lives. */
  readonly lives: readonly number[];
  /** Keys of the connectors whose place it took: who holds a handle of one of them means this one. */
  readonly inherits: readonly number[];
  readonly machine: Machine;
  /** Told to end: forgotten when it has. */
  readonly dismissed: boolean;
}

export type FleetMessage =
  | { readonly type: 'start'; readonly revision: number; /** To be tried with it. */ readonly program?: Program | undefined }
  | { readonly type: 'adopt'; readonly revision: number; readonly pid: number; readonly ageMs: number }
  /** To the connector that has, or had, the life of the message. */
  | { readonly type: 'life'; readonly message: Message & { readonly id: number } }
  /** The connector on this revision is the kept one; where there is none it is started. */
  | { readonly type: 'promote'; readonly revision: number }
  /** This very connector is the kept one: where another one on the same revision is. */
  | { readonly type: 'prefer'; readonly key: number }
  /** Also those that took the place of this one. */
  | { readonly type: 'dismiss'; readonly key: number; readonly how: StopHow }
  | { readonly type: 'close' }
  | { readonly type: 'tick' };

export type FleetEffect = Exclude<Effect, { type: 'replace' }>;
export type FleetContext = Omit<Context, 'nextId'>;

export interface FleetStep {
  readonly fleet: Fleet;
  readonly effects: readonly FleetEffect[];
}

export const newFleet = (overlap: boolean): Fleet =>
  ({ slots: [], nextId: 1, closing: false, overlap, replacement: undefined, replacementNotBefore: 0 });

export const keptSlot = (fleet: Fleet): Slot | undefined => fleet.slots.find((slot) => slot.machine.standing === 'kept');

/** Those that a handle with this id means, newest last. */
export const slotsOf = (fleet: Fleet, id: number): readonly Slot[] =>
  fleet.slots.filter((slot) => slot.key === id || slot.inherits.includes(id));

export function fleetDueAt(fleet: Fleet): number | undefined {
  const times = [...fleet.slots.map((slot) => dueAt(slot.machine)), fleet.replacement?.deadlineAt].filter((at) => at !== undefined);
  return times.length === 0 ? undefined : Math.min(...times);
}
