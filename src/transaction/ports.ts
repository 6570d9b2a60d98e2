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
  /** What the plan's executors need beyond the steps; JSON, no secrets. */
  readonly context: unknown;
}

export type JournalEntry =
  | { readonly step: number; readonly phase: 'begun' | 'done' | 'undone'; readonly result?: unknown }
  | { readonly phase: 'undoing' | 'finishing'; readonly error: ErrorBody | null };

/** An open journal: every append is on disk (fsync) when it resolves. */
export interface OpenJournal {
  append(entry: JournalEntry): Promise<void>;
  /** The change is over, one way or the other: its file goes. */
  close(): Promise<void>;
}

export interface JournalRecord<S extends StepData = StepData> {
  readonly header: JournalHeader<S>;
  readonly entries: readonly JournalEntry[];
}

export interface JournalStore {
  open<S extends StepData>(header: JournalHeader<S>): Promise<OpenJournal>;
  /** Changes that were not closed: what a killed process left, oldest first. A torn last line is ignored. */
  unfinished(): Promise<readonly JournalRecord[]>;
  /** Goes on with the journal of an unfinished change. */
  reopen(change: string): Promise<OpenJournal>;
}

/** Awaited at every step boundary. Production passes none; a test wires one that kills the process. */
export type Gate = (boundary: { readonly change: string; readonly kind: ChangeKind; readonly step: number; readonly of: number; readonly name: string; readonly phase: 'before' | 'after' | 'undo' }) => Promise<void>;
