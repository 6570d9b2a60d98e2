import { toIso, type Clock } from '../core/clock.js';
import type { Emit, SupervisorEvent } from '../core/events.js';

/** Events on disk, numbered by us. Implemented by state/. */
export interface EventStore {
  /** 0 where there is none. */
  newestSeq(): number;
  /** The oldest that is still kept; one more than the newest where there is none. */
  oldestSeq(): number;
  /** Written in the background, in order; never throws. */
  append(event: SupervisorEvent): void;
  /** Those after `seq`, oldest first, as far as they were appended when the reading began. */
  readAfter(seq: number): AsyncIterable<SupervisorEvent>;
}

/** Gets every event of one subscription, at once and in order. Must not block. */
export type Listener = (event: SupervisorEvent) => void;

export interface EventLog {
  readonly emit: Emit;
  readonly newestSeq: () => number;
  readonly oldestSeq: () => number;
  /** Nothing is emitted between the call and the first event that the listener gets: take the snapshot beside it. */
  subscribe(listener: Listener): () => void;
  readAfter(seq: number): AsyncIterable<SupervisorEvent>;
}

/**
 * Gives events their numbers, keeps them on disk and hands them to who listens. None is kept in memory: a daemon that
 * published ten thousand rules a thousand times must not remember each.
 */
export function createEventLog(store: EventStore, clock: Clock, onListenerFault: (fault: unknown) => void): EventLog {
  const listeners = new Set<Listener>();
  let seq = store.newestSeq();

  const emit: Emit = (type, data) => {
    seq += 1;
    const event = { seq, at: toIso(clock.now()), type, data } as SupervisorEvent;
    store.append(event);
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        // Who reports an event must not fail because somebody who listens did.
        onListenerFault(error);
      }
    }
  };

  return {
    emit,
    newestSeq: () => seq,
    oldestSeq: () => store.oldestSeq(),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    readAfter: (after) => store.readAfter(after),
  };
}
