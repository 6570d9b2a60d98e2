import type { SupervisorError } from '../core/errors.js';
import type { StepData } from './ports.js';

/** Carries out one kind of step. */
export interface Executor<S extends StepData> {
  /** The result is journalled: JSON, no secrets. Idempotent: a later process may run it again. Gives up when the signal aborts. */
  run(step: S, signal: AbortSignal): Promise<unknown>;
  /** Takes the step back. Idempotent; also called for a step that had begun and is not known to be done. */
  undo(step: S, signal: AbortSignal): Promise<void>;
  /**
   * It is about processes, which do not outlive what it was done in: who finishes the change later does it again, unless
   * it is committed. Where the power fails nothing is left of it, so that its beginning need not outlive the machine.
   */
  readonly volatile?: true;
  /** Taking it back needs somebody who may be away. */
  readonly owing?: Owing<S>;
}

/** What is done instead of an undo that would wait in vain: somebody sees to it later. */
export interface Owing<S extends StepData> {
  /** An undo that failed so says that those of the other steps of its kind would fail too. */
  isAway(error: SupervisorError): boolean;
  /** Notes, without asking anybody, that the step is to be taken back, and says what that is; undefined where nothing is. Never rejects. */
  note(step: S): Promise<string | undefined>;
}

/** One executor a kind: a plan with a step that nobody carries out does not compile. */
export type Executors<S extends StepData> = { readonly [K in S['kind']]: Executor<Extract<S, { readonly kind: K }>> };

export function executorOf<S extends StepData>(executors: Executors<S>, step: S): Executor<S> {
  const executor: unknown = executors[step.kind as S['kind']];
  return executor as Executor<S>;
}

/** For steps that only look, or whose effect is taken back by another step. */
export const nothingToUndo = async (): Promise<void> => {};
