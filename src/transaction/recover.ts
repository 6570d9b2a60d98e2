import { SupervisorError } from '../core/errors.js';
import { goForward, type RunOptions } from './forward.js';
import type { JournalRecord, JournalStore, StepData } from './ports.js';
import { isCommitted, mustFinish, replayJournal, type Progress } from './progress.js';
import type { RunResult } from './run.js';
import { undoSteps } from './undo.js';

export interface RecoverOptions<S extends StepData> extends RunOptions<S> {
  /**
   * What could not be finished or undone because something is away (the network after a power failure): true once it
   * is worth another attempt, false if it never will be.
   */
  readonly waitToRetry: (error: SupervisorError, attempt: number) => Promise<boolean>;
}

/**
 * Goes on with a change that another process left. It is finished if the world may have seen it (`finishFrom` had
 * begun), and undone otherwise; a change that was being undone goes on being undone. Asks nobody.
 */
export async function recoverChange<S extends StepData>(record: JournalRecord<S>, journals: JournalStore, options: RecoverOptions<S>): Promise<RunResult> {
  const progress = replayJournal(record);
  const finish = mustFinish(progress);
  const journal = await journals.reopen(record.header.change);
  let error = new SupervisorError('INTERRUPTED', 'The supervisor was ended before the change was complete');
  if (finish) {
    await journal.append([{ phase: 'finishing', error: null }], 'machine');
    for (let attempt = 1; ; attempt += 1) {
      repeatVolatileSteps(progress, options);
      const forward = await goForward(progress, journal, options);
      if (forward.outcome === 'done') {
        await journal.close();
        return { outcome: 'done', results: progress.results, failures: forward.failures };
      }
      if (forward.outcome === 'suspended') {
        await journal.release();
        return forward;
      }
      if (options.interrupt?.aborted === true) break;
      if (!(await options.waitToRetry(forward.error, attempt))) {
        error = forward.error;
        break;
      }
    }
  }
  if (options.interrupt?.aborted === true) {
    await journal.release();
    return { outcome: 'suspended' };
  }
  return undoSteps(progress, journal, options, error);
}

/** The processes of a dead supervisor may be gone with it; what is committed needs them no more. */
function repeatVolatileSteps<S extends StepData>(progress: Progress<S>, options: RecoverOptions<S>): void {
  if (isCommitted(progress)) return;
  progress.states = progress.states.map((state, index) => {
    const step = progress.steps[index];
    const isVolatile = step !== undefined && options.executors[step.kind as S['kind']].volatile === true;
    return isVolatile && state === 'done' ? 'pending' : state;
  });
}
