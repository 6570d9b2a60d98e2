import type { Random } from '../core/clock.js';
import type { ConnectorState } from '../core/status.js';
import type { Backoff } from './backoff.js';
import type { Failure } from './failures.js';
import type { Policy } from './policy.js';
import type { Counters, NetworkState, Probe, ProcessExit, Program } from './ports.js';

/**
 * One connector as data: what is known of it, what may be told to it, what it wants done. A connector outlives
 * its processes: each process is a life with an id of its own. Times are monotonic ms.
 */
export interface Machine {
  readonly revision: number;
  readonly standing: Standing;
  /** A program that is tried with it: its starts are with this one until it is kept. Undefined: the one that is in place. */
  readonly trial: Program | undefined;
  readonly backoff: Backoff;
  /** What is wrong with it now, for people; undefined while it serves. */
  readonly failure: Failure | undefined;
  readonly phase: Phase;
}

/**
 * `candidate`: started for a change that is to prove it; one start more where it ends by chance.
 * `kept`: restarted whenever it ends. At most one machine of a fleet is.
 * `released`: serves while it does, and is not started again: its rules are old.
 */
export type Standing = 'candidate' | 'kept' | 'released';

/** One process, from its start to its end. */
export interface Life {
  readonly id: number;
  readonly pid: number;
  readonly since: number;
  /** It has served, or may have (an orphan): it is asked to end, not killed. */
  readonly everReady: boolean;
  /** Its metrics port has never answered. */
  readonly mute: boolean;
  readonly connections: number;
  readonly registerFailures: number;
  readonly inFlight: number | undefined;
  /** Number of the latest question: an answer to an earlier one is void. */
  readonly ask: number;
  readonly probing: boolean;
  readonly probeAt: number;
  readonly countersAt: number;
}

/** Why it has no connection, while it has none. */
export interface Watch {
  readonly diagnosing: boolean;
  readonly diagnosisAt: number;
  /** Since when the network was up at every look; undefined while it is down or not known. */
  readonly networkUpSince: number | undefined;
  /** Refused registrations when it lost, or began to want, its connections. */
  readonly refusalsBefore: number;
  /** The same at the last look. */
  readonly refusalsSeen: number;
}

/**
 * `drain`: by the stopping protocol. `drain-with-us`: the same when the supervisor itself is told to stop, since
 * whoever told it may have told the connector in the same moment. `kill`: it must not serve a moment longer.
 */
export type StopHow = 'drain' | 'drain-with-us' | 'kill';

export interface Stop {
  /** `asking` for its readiness; `terminated` by us; `watched`: unregistered, and not by us; `killed`. */
  readonly step: 'asking' | 'terminated' | 'watched' | 'killed';
  readonly since: number;
  /** Not before it has been ready for so long is it told to end. */
  readonly confirmMs: number;
  readonly unregistered: boolean;
  /** It got its SIGTERM before it had made all its connections. */
  readonly young: boolean;
  /** Since when it has been unregistered with nothing in flight, at every look; undefined while it is not. */
  readonly idleSince: number | undefined;
  readonly deadlineAt: number;
  /** What its end means; undefined: that it is over. */
  readonly because: Failure | undefined;
}

export type Phase =
  /** Being started: no process yet. */
  | { readonly name: 'launching'; readonly id: number; readonly stop: StopHow | undefined }
  | { readonly name: 'starting'; readonly life: Life; readonly watch: Watch }
  | { readonly name: 'ready'; readonly life: Life; readonly since: number; readonly unanswered: number }
  | { readonly name: 'lost'; readonly life: Life; readonly since: number; readonly readyForMs: number; readonly watch: Watch; readonly replaceAt: number }
  | { readonly name: 'draining'; readonly life: Life; readonly stop: Stop; readonly readyForMs: number }
  /** Ended; what for is being found out. */
  | { readonly name: 'examining'; readonly id: number; readonly readyForMs: number }
  | { readonly name: 'waiting'; readonly id: number; readonly until: number; readonly network: Check | undefined }
  | { readonly name: 'failed'; readonly id: number; readonly until: number; readonly cause: Check }
  | { readonly name: 'stopped'; readonly id: number };

/** Something looked at now and then. */
export interface Check {
  readonly at: number;
  readonly busy: boolean;
}

/** What happens to a connector. Those with an `id` are void when it is not the id of the present life. */
export type Message =
  | { readonly type: 'launched'; readonly id: number; readonly pid: number }
  | { readonly type: 'launch-failed'; readonly id: number; readonly failure: Failure }
  | { readonly type: 'probed'; readonly id: number; readonly ask: number; readonly probe: Probe; readonly counters: Counters | undefined }
  | { readonly type: 'exited'; readonly id: number; readonly exit: ProcessExit }
  /** Answer to `diagnose-life`. */
  | { readonly type: 'life-diagnosed'; readonly id: number; readonly failure: Failure; readonly network: NetworkState }
  /** Answer to `diagnose-exit`. */
  | { readonly type: 'exit-diagnosed'; readonly id: number; readonly failure: Failure }
  | { readonly type: 'network-checked'; readonly id: number; readonly network: NetworkState }
  | { readonly type: 'cause-checked'; readonly id: number; readonly changed: boolean }
  /** Its log moved: something may have happened. Never more than a reason to ask. */
  | { readonly type: 'nudged'; readonly id: number }
  | { readonly type: 'keep' }
  | { readonly type: 'release' }
  | { readonly type: 'stop'; readonly how: StopHow }
  /** Where two do not fit side by side: end it, and start it again as after this failure. */
  | { readonly type: 'recycle'; readonly failure: Failure }
  /** A replacement beside it did not get ready. */
  | { readonly type: 'replacement-failed' }
  | { readonly type: 'tick' };

export type Announcement =
  | { readonly event: 'connector.started' | 'connector.ready' | 'connector.lost' | 'connector.draining' | 'connector.adopted' }
  | { readonly event: 'connector.stopped'; readonly exit: ProcessExit }
  /** `retryAt` is monotonic. */
  | { readonly event: 'connector.failed'; readonly failure: Failure; readonly retryAt: number | undefined };

/** What a connector wants done. Every one but the announcements is answered by a message, or by the end of the process. */
export type Effect =
  | { readonly type: 'launch'; readonly id: number; readonly revision: number; readonly program: Program | undefined }
  | { readonly type: 'probe'; readonly id: number; readonly ask: number; readonly counters: boolean }
  | { readonly type: 'terminate'; readonly id: number }
  | { readonly type: 'kill'; readonly id: number }
  /** `refused`: since it has no connection; `refusedAgain`: since the last look. */
  | { readonly type: 'diagnose-life'; readonly id: number; readonly refused: boolean; readonly refusedAgain: boolean; readonly everReady: boolean; readonly mute: boolean }
  | { readonly type: 'diagnose-exit'; readonly id: number; readonly exit: ProcessExit; readonly livedMs: number; readonly everReady: boolean; readonly refused: boolean }
  | { readonly type: 'check-network'; readonly id: number }
  | { readonly type: 'check-cause'; readonly id: number }
  /** Somebody should be put beside it. */
  | { readonly type: 'replace' }
  | { readonly type: 'announce'; readonly id: number; readonly pid: number | null; readonly announcement: Announcement };

export interface Context {
  readonly now: number;
  readonly random: Random;
  readonly policy: Policy;
  /** The id of the next life, should there be one. */
  readonly nextId: number;
}

export interface Step {
  readonly machine: Machine;
  readonly effects: readonly Effect[];
}

/** From now on it is restarted whenever it ends, with the program that is in place. */
export const keep = (machine: Machine): Machine => ({ ...machine, standing: 'kept', trial: undefined });

export const stay = (machine: Machine, effects: readonly Effect[] = []): Step => ({ machine, effects });

export const moveTo = (machine: Machine, phase: Phase, effects: readonly Effect[] = []): Step => ({ machine: { ...machine, phase }, effects });

export const lifeOf = (phase: Phase): Life | undefined => ('life' in phase ? phase.life : undefined);

export const idOf = (phase: Phase): number => ('life' in phase ? phase.life.id : phase.id);

/** The state that people are shown. */
export function visibleState(phase: Phase): ConnectorState {
  switch (phase.name) {
    case 'launching': return 'starting';
    case 'examining': return 'waiting';
    case 'starting': case 'ready': case 'lost': case 'draining': case 'waiting': case 'failed': case 'stopped': break;
  }
  return phase.name;
}

/** No process of it may be answering visitors any more, and none will without being told to. */
export const servesNot = (phase: Phase): boolean =>
  phase.name === 'stopped' || (phase.name === 'draining' && phase.stop.unregistered);

/** Visitors may be answered by it now: it is ready, or was found running and has not been asked yet. */
export const mayServe = (phase: Phase): boolean => phase.name === 'ready' || (phase.name === 'starting' && phase.life.everReady);

export const isOver = (phase: Phase): boolean => phase.name === 'stopped';

export function announce(phase: Phase, announcement: Announcement): Extract<Effect, { type: 'announce' }> {
  return { type: 'announce', id: idOf(phase), pid: lifeOf(phase)?.pid ?? null, announcement };
}
