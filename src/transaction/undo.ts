import { DeadlineReached, withDeadline } from '../core/deadline.js';
import { SupervisorError, toSupervisorError, type ErrorBody, type ErrorCode } from '../core/errors.js';
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
 * the others from being taken back; but where it needs somebody who is away, or all of it takes too long, those of its
 * kind are owed. The journal is closed only if all were taken back. Never rejects.
 */
export async function undoSteps<S extends StepData>(progress: Progress<S>, journal: OpenJournal, options: RunOptions<S>, error: SupervisorError): Promise<Undone> {
  const undoFailures: SupervisorError[] = [];
  const body: ErrorBody = error.toBody();
  await appendIfPossible(journal, { phase: 'undoing', error: body });
  progress.undoing = true;
  const { header, steps } = progress;
  const takeBack = takingBack(options);
  for (let index = steps.length - 1; index >= 0; index -= 1) {
    const step = steps[index];
    const state = progress.states[index];
    if (step === undefined || (state !== 'begun' && state !== 'done')) continue;
    await options.gate?.({ change: header.change, kind: header.kind, step: index, of: steps.length, name: step.kind, phase: 'undo' });
    const failure = await takeBack(step);
    if (failure !== undefined) {
      undoFailures.push(failure);
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

/** Takes the steps of one change back, one after another; resolves with why one is not. */
function takingBack<S extends StepData>({ executors, clock, undoTimeoutMs, undoAllTimeoutMs = Number.POSITIVE_INFINITY }: RunOptions<S>): (step: S) => Promise<SupervisorError | undefined> {
  const endsAt = clock.monotonic() + undoAllTimeoutMs;
  /** Kinds of steps whose undo is in vain now, and the code that says why. */
  const inVain = new Map<string, ErrorCode>();
  return async (step) => {
    const executor = executorOf(executors, step);
    const { owing } = executor;
    const leftMs = owing === undefined ? undoTimeoutMs : Math.min(undoTimeoutMs, endsAt - clock.monotonic());
    const code = inVain.get(step.kind) ?? (leftMs > 0 ? undefined : 'ROLLBACK_FAILED');
    if (owing !== undefined && code !== undefined) {
      const owed = await owing.note(step);
      return owed === undefined ? undefined : new SupervisorError(code, `Not undone but owed: ${owed}`);
    }
    try {
      await withDeadline(clock, leftMs, undefined, (signal) => orAbandon(signal, executor.undo(step, signal)));
      return undefined;
    } catch (error) {
      const owed = await owing?.note(step);
      const failure = error instanceof DeadlineReached ? tooLong(step.kind, error, owed) : toSupervisorError(error);
      if (error instanceof DeadlineReached || owing?.isAway(failure) === true) inVain.set(step.kind, failure.code);
      return failure;
    }
  };
}

const tooLong = (kind: string, reached: DeadlineReached, owed: string | undefined): SupervisorError =>
  new SupervisorError('ROLLBACK_FAILED', `Undoing ${kind} took longer than ${reached.afterMs / 1000} s${owed === undefined ? '' : `; owed: ${owed}`}`, { cause: reached });

/** A full disk must not keep a change from being undone: what is not written is undone once more at the next start. */
async function appendIfPossible(journal: OpenJournal, entry: JournalEntry): Promise<void> {
  await journal.append([entry], 'machine').catch(() => undefined);
}
