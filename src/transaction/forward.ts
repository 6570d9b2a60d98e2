import type { Clock } from '../core/clock.js';
import { toSupervisorError, type SupervisorError } from '../core/errors.js';
import { executorOf, type Executors } from './executors.js';
import type { Gate, JournalEntry, OpenJournal, Outlives, StepData } from './ports.js';
import { applyEntry, isCommitted, mustFinish, type Progress } from './progress.js';

/** Other steps from here on, because the world moved; `commit` is an index of the whole list. */
export interface Replan<S extends StepData> {
  readonly steps: readonly S[];
  readonly commit: number;
}

export interface RunOptions<S extends StepData> {
  readonly executors: Executors<S>;
  readonly clock: Clock;
  /** How long the undo of one step is waited for. */
  readonly undoTimeoutMs: number;
  /** After so long what can be owed is not undone but owed. Absent: never. */
  readonly undoAllTimeoutMs?: number;
  /**
   * Stops the change: as long as nothing from `finishFrom` on has begun it is undone, later it is left to the next
   * start. A step that is running gets this signal.
   */
  readonly interrupt?: AbortSignal;
  /** `finishFrom` begins now: from here on an interrupt does not undo any more. */
  readonly onNoReturn?: () => void;
  /** Asked before every step from `finishFrom` to the commit. */
  readonly replan?: (at: { readonly index: number; readonly progress: Progress<S> }) => Promise<Replan<S> | undefined>;
  readonly onStep?: (at: { readonly index: number; readonly of: number; readonly step: S; readonly phase: 'begun' | 'done' }) => void;
  readonly gate?: Gate | undefined;
}

export type Forward =
  | { readonly outcome: 'done'; readonly failures: readonly SupervisorError[] }
  | { readonly outcome: 'failed'; readonly error: SupervisorError }
  | { readonly outcome: 'suspended' };

/** Runs what is not done yet. Never rejects. */
export async function goForward<S extends StepData>(progress: Progress<S>, journal: OpenJournal, options: RunOptions<S>): Promise<Forward> {
  const failures: SupervisorError[] = [];
  const finishFrom = progress.header.finishFrom ?? Number.POSITIVE_INFINITY;
  const signal = options.interrupt ?? new AbortController().signal;
  /** A step that is done is journalled together with the next one's beginning: one fsync for both. */
  let unwritten: JournalEntry[] = [];
  const write = async (entry: JournalEntry, outlives: Outlives): Promise<void> => {
    const entries = [...unwritten, entry];
    unwritten = [];
    await journal.append(entries, outlives).catch((error: unknown) => {
      if (!isCommitted(progress)) throw error;
      failures.push(toSupervisorError(error)); // a full disk does not keep the old connector from being retired
    });
  };

  for (let index = 0; index < progress.steps.length; index += 1) {
    if (progress.states[index] === 'done') continue;
    try {
      if (index >= finishFrom && !isCommitted(progress)) {
        const replan = await options.replan?.({ index, progress });
        if (replan !== undefined) {
          const entry: JournalEntry = { phase: 'replanned', from: index, ...replan };
          await write(entry, 'machine');
          applyEntry(progress, entry);
        }
      }
      const step = progress.steps[index];
      if (step === undefined) break;
      const at = { index, of: progress.steps.length, step };
      const boundary = { change: progress.header.change, kind: progress.header.kind, step: index, of: at.of, name: step.kind };

      await options.gate?.({ ...boundary, phase: 'before' });
      if (signal.aborted) return mustFinish(progress) ? { outcome: 'suspended' } : failed(signal.reason);
      if (index >= finishFrom && !mustFinish(progress)) options.onNoReturn?.();
      const executor = executorOf(options.executors, step);
      await write({ step: index, phase: 'begun' }, executor.volatile === true ? 'process' : 'machine');
      progress.states[index] = 'begun';
      options.onStep?.({ ...at, phase: 'begun' });
      const result = await executor.run(step, signal);
      const done: JournalEntry = { step: index, phase: 'done', ...(result === undefined ? {} : { result }) };
      unwritten.push(done);
      applyEntry(progress, done);
      options.onStep?.({ ...at, phase: 'done' });
      await options.gate?.({ ...boundary, phase: 'after' });
    } catch (error) {
      if (signal.aborted && mustFinish(progress)) return { outcome: 'suspended' };
      if (!isCommitted(progress)) return failed(error);
      // The change stands. What it could not finish is said, and the rest is done all the same.
      failures.push(toSupervisorError(error));
      progress.states[index] = 'done';
    }
  }
  return { outcome: 'done', failures };
}

const failed = (error: unknown): Forward => ({ outcome: 'failed', error: toSupervisorError(error) });
