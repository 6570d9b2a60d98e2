import { toSupervisorError, type SupervisorError } from '../core/errors.js';
import { goForward, type RunOptions } from './forward.js';
import type { JournalHeader, JournalStore, StepData } from './ports.js';
import { startProgress } from './progress.js';
import { undoSteps } from './undo.js';

export type RunResult =
  /** `failures` are those of steps after the commit: the change stands. */
  | { readonly outcome: 'done'; readonly results: readonly unknown[]; readonly failures: readonly SupervisorError[] }
  /** Everything is as before, unless `undoFailures` says otherwise; then the journal stays, and the next start tries again. */
  | { readonly outcome: 'undone'; readonly error: SupervisorError; readonly undoFailures: readonly SupervisorError[] }
  /** Interrupted too late to be undone without a trace: the journal stays, and the next start finishes it. */
  | { readonly outcome: 'suspended' };

/**
 * Runs the steps of a change in order, each journalled before it begins and after it is done. A failure before the
 * commit undoes what was done, newest first. Rejects only where not even the journal could be opened: nothing was done.
 */
export async function runChange<S extends StepData>(header: JournalHeader<S>, journals: JournalStore, options: RunOptions<S>): Promise<RunResult> {
  const journal = await journals.open(header);
  const progress = startProgress(header);
  const forward = await goForward(progress, journal, options);
  if (forward.outcome === 'failed') return undoSteps(progress, journal, options, forward.error);
  if (forward.outcome === 'suspended') {
    await journal.release();
    return forward;
  }
  const failures = [...forward.failures];
  // What is left of a journal that cannot be removed is finished again at the next start, which changes nothing.
  await journal.close().catch((error: unknown) => failures.push(toSupervisorError(error)));
  return { outcome: 'done', results: progress.results, failures };
}
