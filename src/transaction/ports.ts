import type { ErrorBody } from '../core/errors.js';

/**
 * A change is a list of steps, as data, run in order; each is journalled before it begins and after it is done.
 * Any failure undoes what was done, newest first. Shared by forwarding (apply) and setup.
 */

/** What every step of every plan has; the rest is the plan's own. */
export interface StepData {
  readonly kind: string;
}

export type ChangeKind = 'forwarding' | 'setup' | 'disconnect';

/** The first entry of a change's journal: enough to finish or undo it in another process. */
export interface JournalHeader<S extends StepData = StepData> {
  /** Unique, sortable by time; the file's name. */
  readonly change: string;
  readonly kind: ChangeKind;
  readonly startedAt: string;
  readonly steps: readonly S[];
  /**
   * A change that is found unfinished is finished if this step had begun, and undone otherwise. It is the first one
   * that the world outside sees, or the commit. Absent: always undone.
   */
  readonly finishFrom?: number;
  /** Once this step is done the change stands: what fails after it is a warning. Absent: never. */
  readonly commit?: number;
  /** What the plan's executors need beyond the steps; JSON, no secrets. */
  readonly context: unknown;
}

export type JournalEntry =
  | { readonly step: number; readonly phase: 'begun' | 'done' | 'undone'; readonly result?: unknown }
  | { readonly phase: 'undoing' | 'finishing'; readonly error: ErrorBody | null }
  /** The world moved on: from this step on the list is this one, and the commit is at this index of the whole. */
  | { readonly phase: 'replanned'; readonly from: number; readonly steps: readonly StepData[]; readonly commit: number };

/** What an entry has to outlive: this process, or the machine's power too, which takes a wait for the disk. */
export type Outlives = 'process' | 'machine';

/** An open journal. An append for the machine takes along what was appended before it. */
export interface OpenJournal {
  append(entries: readonly JournalEntry[], outlives: Outlives): Promise<void>;
  /** The change is over, one way or the other: its file goes. */
  close(): Promise<void>;
  /** The change is not over, and another process will go on with it: the file stays, the descriptor goes. */
  release(): Promise<void>;
}

export interface JournalRecord<S extends StepData = StepData> {
  readonly header: JournalHeader<S>;
  readonly entries: readonly JournalEntry[];
}

export interface JournalStore {
  /** Its header outlives the machine from the first append on that does. */
  open<S extends StepData>(header: JournalHeader<S>): Promise<OpenJournal>;
  /** Changes that were not closed: what a killed process left, oldest first. A torn last line is ignored. */
  unfinished(): Promise<readonly JournalRecord[]>;
  /** Goes on with the journal of an unfinished change. */
  reopen(change: string): Promise<OpenJournal>;
}

/** Awaited at every step boundary. Production passes none; a test wires one that kills the process. */
export type Gate = (boundary: { readonly change: string; readonly kind: ChangeKind; readonly step: number; readonly of: number; readonly name: string; readonly phase: 'before' | 'after' | 'undo' }) => Promise<void>;
