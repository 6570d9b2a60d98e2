import { DeadlineReached, withDeadline } from '../core/deadline.js';
import { SupervisorError, toSupervisorError, type ErrorBody } from '../core/errors.js';
import { orAbandon } from './abandon.js';
import { executorOf } from './executors.js';
import type { RunOptions } from './forward.js';
import type { JournalEntry, OpenJournal, StepData } from './ports.js';
import { applyEntry, type Progress } from './progress.js';

export interface Undone {
  readonly outcome: 'undone';
  readonly error: SupervisorError;
  readonly undoFailures: readonly SupervisorError[];
}

/**
 * Takes back every step that had begun, newest first, each under a deadline of its own. One that fails does not keep
 * the others from being taken back. The journal is closed only if all were. Never rejects.
 */
export async function undoSteps<S extends StepData>(progress: Progress<S>, journal: OpenJournal, options: RunOptions<S>, error: SupervisorError): Promise<Undone> {
  const undoFailures: SupervisorError[] = [];
  const body: ErrorBody = error.toBody();
  await appendIfPossible(journal, { phase: 'undoing', error: body });
  progress.undoing = true;
  const { header, steps } = progress;
  for (let index = steps.length - 1; index >= 0; index -= 1) {
    const step = steps[index];
    const state = progress.states[index];
    if (step === undefined || (state !== 'begun' && state !== 'done')) continue;
    await options.gate?.({ change: header.change, kind: header.kind, step: index, of: steps.length, name: step.kind, phase: 'undo' });
    try {
      await withDeadline(options.clock, options.undoTimeoutMs, undefined, (signal) => orAbandon(signal, executorOf(options.executors, step).undo(step, signal)));
    } catch (failure) {
      undoFailures.push(failure instanceof DeadlineReached ? tooLong(step.kind, failure) : toSupervisorError(failure));
      continue;
    }
    const entry: JournalEntry = { step: index, phase: 'undone' };
    await appendIfPossible(journal, entry);
    applyEntry(progress, entry);
  }
  if (undoFailures.length > 0) await journal.release();
  else await journal.close().catch((failure: unknown) => undoFailures.push(toSupervisorError(failure)));
  return { outcome: 'undone', error, undoFailures };
}

const tooLong = (kind: string, reached: DeadlineReached): SupervisorError =>
  new SupervisorError('ROLLBACK_FAILED', `Undoing ${kind} took longer than ${reached.afterMs / 1000} s`, { cause: reached });

/** A full disk must not keep a change from being undone: what is not written is undone once more at the next start. */
async function appendIfPossible(journal: OpenJournal, entry: JournalEntry): Promise<void> {
  await journal.append([entry], 'machine').catch(() => undefined);
}
