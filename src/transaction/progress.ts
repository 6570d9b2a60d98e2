import type { JournalEntry, JournalHeader, JournalRecord, StepData } from './ports.js';

export type StepState = 'pending' | 'begun' | 'done' | 'undone';

/** How far a change is: what its journal says, and what the running process adds. */
export interface Progress<S extends StepData> {
  readonly header: JournalHeader<S>;
  steps: readonly S[];
  states: StepState[];
  results: unknown[];
  commit: number;
  undoing: boolean;
}

export function startProgress<S extends StepData>(header: JournalHeader<S>): Progress<S> {
  return {
    header,
    steps: header.steps,
    states: header.steps.map(() => 'pending'),
    results: header.steps.map(() => undefined),
    commit: header.commit ?? Number.POSITIVE_INFINITY,
    undoing: false,
  };
}

/** The progress that a journal tells. Its steps are of the header's kind, those of a replanning too. */
export function replayJournal<S extends StepData>(record: JournalRecord<S>): Progress<S> {
  const progress = startProgress(record.header);
  for (const entry of record.entries) applyEntry(progress, entry);
  return progress;
}

export function applyEntry<S extends StepData>(progress: Progress<S>, entry: JournalEntry): void {
  switch (entry.phase) {
    case 'begun':
    case 'undone':
      progress.states[entry.step] = entry.phase;
      return;
    case 'done':
      progress.states[entry.step] = 'done';
      progress.results[entry.step] = entry.result;
      return;
    case 'undoing':
      progress.undoing = true;
      return;
    case 'finishing':
      progress.undoing = false;
      return;
    case 'replanned':
      progress.steps = [...progress.steps.slice(0, entry.from), ...(entry.steps as readonly S[])];
      progress.states = progress.steps.map((_, index) => (index < entry.from ? (progress.states[index] ?? 'pending') : 'pending'));
      progress.results = progress.steps.map((_, index) => (index < entry.from ? progress.results[index] : undefined));
      progress.commit = entry.commit;
      return;
  }
}

/** The change stands: nothing that fails now takes it back. */
export const isCommitted = (progress: Progress<StepData>): boolean => progress.states[progress.commit] === 'done';

/** Found unfinished, it is to be finished rather than undone. */
export function mustFinish(progress: Progress<StepData>): boolean {
  const from = progress.header.finishFrom ?? Number.POSITIVE_INFINITY;
  return !progress.undoing && progress.states.some((state, index) => index >= from && state !== 'pending');
}
