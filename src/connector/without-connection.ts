import { cureOf, failure } from './failures.js';
import { moveTo, stay } from './machine.js';
import type { Context, Effect, Life, Machine, Message, Phase, Step, Watch } from './machine.js';
import { drain } from './draining.js';

/** A process that runs without a connection: found out why, left alone, given up or replaced. Pure. */

type Unconnected = Extract<Phase, { name: 'starting' | 'lost' }>;

export const newWatch = ({ registerFailures }: Life, { now, policy }: Context): Watch => ({
  diagnosing: false, diagnosisAt: now + policy.firstDiagnosisMs, networkUpSince: undefined, refusalsBefore: registerFailures, refusalsSeen: registerFailures,
});

export const watchDueAt = (watch: Watch): number => (watch.diagnosing ? Infinity : watch.diagnosisAt);

export function diagnoseWhenDue(machine: Machine, phase: Unconnected, { now }: Context): Step {
  const { life, watch } = phase;
  if (watchDueAt(watch) > now) return stay(machine);
  const refused = life.registerFailures > watch.refusalsBefore;
  const refusedAgain = life.registerFailures > watch.refusalsSeen;
  return moveTo(machine, { ...phase, watch: { ...watch, diagnosing: true, refusalsSeen: life.registerFailures } }, [
    { type: 'diagnose-life', id: life.id, refused, refusedAgain, everReady: life.everReady, mute: life.mute },
  ]);
}

/**
 * After every answer and every diagnosis. What only a person can cure ends the process; else a kept one is given
 * two minutes of working network. One that nobody keeps is its transaction's business.
 */
export function stepWatch(machine: Machine, phase: Unconnected, diagnosis: Extract<Message, { type: 'life-diagnosed' }> | undefined, context: Context): Step {
  const { now, policy } = context;
  if (diagnosis === undefined) {
    const { watch } = phase;
    return judge(machine, { ...phase, watch: { ...watch, diagnosisAt: Math.min(watch.diagnosisAt, urgentDiagnosisAt(phase, context)) } }, context);
  }
  const networkUpSince = diagnosis.network === 'up' ? phase.watch.networkUpSince ?? now : undefined;
  const watch: Watch = { ...phase.watch, diagnosing: false, diagnosisAt: now + policy.diagnosisMs, networkUpSince };
  const told = { ...machine, failure: diagnosis.failure };
  if (cureOf(diagnosis.failure.code) === 'person') return drain(told, phase.life, 'drain', diagnosis.failure, 0, context);
  return judge(told, { ...phase, watch }, context);
}

/** The first refusal is looked into at once, and so is what looks like somebody else's SIGTERM; the rest at the usual pace. */
function urgentDiagnosisAt(phase: Unconnected, { now, policy }: Context): number {
  const { watch, life } = phase;
  if (watch.refusalsSeen === watch.refusalsBefore && life.registerFailures > watch.refusalsBefore) return now;
  return phase.name === 'lost' && watch.networkUpSince === undefined && isServing(life) ? Math.max(now, phase.since + policy.drainedByOthersMs) : Infinity;
}

/** Requests that ended with the edge would not be in flight. */
const isServing = (life: Life): boolean => (life.inFlight ?? 0) > 0;

function judge(machine: Machine, phase: Unconnected, context: Context): Step {
  const { now, policy } = context;
  const here = moveTo(machine, phase);
  if (machine.standing !== 'kept' || phase.watch.networkUpSince === undefined) return here;
  const withoutMs = now - Math.max(phase.watch.networkUpSince, phase.name === 'lost' ? phase.since : phase.life.since);
  if (phase.name === 'starting') {
    if (withoutMs < policy.withoutConnectionMs) return here;
    return drain(machine, phase.life, 'drain', failure('CONNECTOR_NOT_READY'), 0, context);
  }
  const drainedByOthers = isServing(phase.life) && now - phase.since >= policy.drainedByOthersMs;
  if (phase.replaceAt > now || (withoutMs < policy.withoutConnectionMs && !drainedByOthers)) return here;
  const replace: Effect = { type: 'replace' };
  return moveTo(machine, { ...phase, replaceAt: Infinity }, [replace]);
}
