import { toIso } from '../core/clock.js';
import { SupervisorError } from '../core/errors.js';
import type { RunOptions } from '../transaction/forward.js';
import type { JournalHeader } from '../transaction/ports.js';
import { runChange, type RunResult } from '../transaction/run.js';
import type { ApplyLimits, ApplyPorts, ChangeOptions, ChangeOutcome, ChangeRequest, WithdrawnAddress } from './change.js';
import type { ChangeScope } from './change-scope.js';
import { forwardingExecutors } from './executors.js';
import type { Plan } from './plan.js';
import { prepareChange, type Prepared } from './prepare.js';
import { reportProgress } from './progress-events.js';
import { createReplan } from './replan.js';
import type { ForwardingStep } from './steps.js';
import { viewRules } from './views.js';
import type { YieldWindow } from './yield-window.js';

/** What an apply gets from the writer that runs it. */
export interface ApplyRun {
  readonly ports: ApplyPorts;
  readonly limits: ApplyLimits;
  readonly window: YieldWindow;
  /** Withdrawn while it ran: grows. */
  readonly withdrawn: readonly WithdrawnAddress[];
  /** Stops it: undone before `onNoReturn`, left to the next start after it. */
  readonly interrupt: AbortSignal;
  readonly onNoReturn: () => void;
}

/**
 * validate → resolve → render → plan → run. Answers when the new connector serves and the old one has unregistered.
 * Rejects with everything as it was, or with ROLLBACK_FAILED.
 */
export async function applyChange(request: ChangeRequest, options: ChangeOptions, run: ApplyRun): Promise<ChangeOutcome> {
  const { ports } = run;
  const change = ports.createChangeId();
  const prepared = await prepareOnCurrent(request, options, run).catch((error: unknown) => {
    throw refuse(error, change, options, ports);
  });
  if (options.dryRun === true) return planned(prepared, ports);
  if (prepared.plan.kind === 'unchanged') return unchanged(prepared, change, options, ports);
  return executePlan(prepared.plan, prepared, change, options, run);
}

/** While it reads and asks, a withdrawal may go ahead; then what it prepared is based on the past, and is prepared again. */
async function prepareOnCurrent(request: ChangeRequest, options: ChangeOptions, { ports, window, withdrawn, interrupt }: ApplyRun): Promise<Prepared> {
  for (;;) {
    const prepared = await window.during(() => prepareChange(request, options, ports, withdrawn));
    if (interrupt.aborted) throw interrupt.reason;
    if (prepared.current?.revision === ports.revisions.current()?.revision) return prepared;
  }
}

/** Runs the steps of a plan, and says how it went: as events, and as the outcome or the error. */
export async function executePlan(
  plan: Exclude<Plan, { readonly kind: 'unchanged' }>,
  prepared: Pick<Prepared, 'desired' | 'current' | 'warnings'>,
  change: string,
  { reason }: Pick<ChangeOptions, 'reason'>,
  run: ApplyRun,
): Promise<ChangeOutcome> {
  const { ports, limits } = run;
  const { emit, clock, revisions } = ports;
  const revision = plan.kind === 'revision' ? plan.content.revision.revision : (prepared.current?.revision ?? 0);
  const acceptedAt = clock.monotonic();
  emit('forwarding.accepted', { change, reason, revision });

  const { window, withdrawn } = run;
  const scope: ChangeScope = { ports, limits, window, withdrawn, contents: new Map(plan.kind === 'revision' ? [[revision, plan.content]] : []), warnings: [...prepared.warnings] };
  const { finishFrom, commit, steps } = plan;
  const header: JournalHeader<ForwardingStep> = {
    change, kind: 'forwarding', startedAt: toIso(clock.now()), steps, finishFrom,
    ...(commit === undefined ? {} : { commit }),
    context: { reason },
  };
  const result = await runChange(header, ports.journals, { ...runOptions(scope, change), interrupt: run.interrupt, onNoReturn: run.onNoReturn });
  const durationMs = Math.round(clock.monotonic() - acceptedAt);
  if (result.outcome !== 'done') throw rolledBack(result, change, revision, ports);

  const current = revisions.current();
  const warnings = [...scope.warnings, ...result.failures.map(({ code, message }) => ({ code, message }))];
  const rules = viewRules(current, ports.dns);
  const applied = { change, revision: current?.revision ?? revision, rules, warnings, durationMs };
  emit('forwarding.applied', { ...applied, reason, rules: [...rules], warnings });
  return { outcome: 'applied', plan: null, ...applied };
}

/** How the steps of a change are run, by this process or, found in a journal, by a later one. */
export function runOptions(scope: ChangeScope, change: string): RunOptions<ForwardingStep> {
  const { clock, gate, emit } = scope.ports;
  return {
    executors: forwardingExecutors(scope),
    clock,
    undoTimeoutMs: scope.limits.undoTimeoutMs,
    undoAllTimeoutMs: scope.limits.undoAllTimeoutMs,
    replan: createReplan(scope),
    onStep: reportProgress(change, emit),
    gate,
  };
}

function planned({ plan, desired, current, warnings }: Prepared, { dns }: ApplyPorts): ChangeOutcome {
  const after = plan.kind === 'revision' ? desired.revision : current;
  const steps = plan.kind === 'unchanged' ? [] : plan.steps;
  return { outcome: 'planned', change: null, revision: after?.revision ?? 0, rules: viewRules(after, dns), warnings, plan: steps, durationMs: 0 };
}

function unchanged({ current, warnings }: Prepared, change: string, { reason }: ChangeOptions, { emit, dns }: ApplyPorts): ChangeOutcome {
  const revision = current?.revision ?? 0;
  emit('forwarding.unchanged', { change, revision, reason });
  return { outcome: 'unchanged', change: null, revision, rules: viewRules(current, dns), warnings, plan: null, durationMs: 0 };
}

function refuse(error: unknown, change: string, { reason, dryRun }: ChangeOptions, { emit }: ApplyPorts): unknown {
  const isAnswer = error instanceof SupervisorError && dryRun !== true;
  if (isAnswer) emit('forwarding.refused', { change, reason, error: error.toBody() });
  return error;
}

function rolledBack(result: Exclude<RunResult, { readonly outcome: 'done' }>, change: string, revision: number, { emit }: ApplyPorts): SupervisorError {
  if (result.outcome === 'suspended') {
    return new SupervisorError('DAEMON_STOPPING', 'The daemon stopped in the middle of the change; the next start finishes it');
  }
  const { error, undoFailures } = result;
  emit('forwarding.rolled-back', { change, revision, error: error.toBody(), undoFailures: undoFailures.map((failure) => failure.toBody()) });
  if (undoFailures.length === 0) return error;
  const problems = [error, ...undoFailures].map(({ code, message }) => ({ code, message }));
  return new SupervisorError('ROLLBACK_FAILED', `${error.message}. Undoing it failed too: ${undoFailures.map((failure) => failure.message).join('; ')}`, { problems, cause: error });
}
