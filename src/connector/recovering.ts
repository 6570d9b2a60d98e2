import { addFailure, addStart, earliestStart, restartAt, slowRetryAt } from './backoff.js';
import type { Backoff } from './backoff.js';
import { cureOf } from './failures.js';
import type { Failure } from './failures.js';
import { announce, idOf, moveTo } from './machine.js';
import type { Context, Effect, Machine, Phase, Step } from './machine.js';
import type { ProcessExit } from './ports.js';

/** What follows a failure: at once, after a delay, with the network, or when a person has acted. Pure. */

export function launch(machine: Machine, context: Context): Step {
  const id = context.nextId;
  return {
    machine: {
      ...machine,
      backoff: addStart(machine.backoff, context.now, context.policy),
      phase: { name: 'launching', id, stop: undefined },
    },
    effects: [{ type: 'launch', id, revision: machine.revision, program: machine.trial }],
  };
}

/** As soon as the limits of starts allow. */
export function launchSoon(machine: Machine, context: Context): Step {
  const at = earliestStart(machine.backoff, context.now, context.policy);
  if (at <= context.now) return launch(machine, context);
  return moveTo(machine, { name: 'waiting', id: idOf(machine.phase), until: at, network: undefined });
}

/**
 * The process ended without being asked to. One that served is restarted before anybody asks why, where this is
 * not the second time in a row; any other end is examined first.
 */
export function ended(machine: Machine, exit: ProcessExit, readyForMs: number, context: Context): Step {
  const { phase } = machine;
  const life = 'life' in phase ? phase.life : undefined;
  const everReady = life?.everReady ?? false;
  const id = idOf(phase);
  const stopped: Effect = { type: 'announce', id, pid: life?.pid ?? null, announcement: { event: 'connector.stopped', exit } };
  const examine: Effect = { type: 'diagnose-exit', id, exit, livedMs: context.now - (life?.since ?? context.now), everReady, refused: (life?.registerFailures ?? 0) > 0 };
  if (machine.standing === 'kept' && everReady) {
    const backoff = addFailure(machine.backoff, readyForMs, context.policy);
    if (restartAt(backoff, context.now, context.policy, context.random) <= context.now) {
      const next = launch({ ...machine, backoff }, context);
      return { machine: next.machine, effects: [stopped, ...next.effects, examine] };
    }
  }
  return moveTo(machine, { name: 'examining', id, readyForMs }, [stopped, examine]);
}

/** There is no process now, and this is why. */
export function failed(machine: Machine, reason: Failure, readyForMs: number, context: Context): Step {
  const { policy, now, random } = context;
  const id = idOf(machine.phase);
  if (machine.standing === 'released') return giveUp(machine, reason);
  if (reason.code === 'METRICS_PORT_TAKEN' && machine.backoff.ports < policy.portRetries) {
    const next = { ...machine, backoff: { ...machine.backoff, ports: machine.backoff.ports + 1 } };
    return followedBy(launchSoon(next, context), id, reason);
  }
  if (machine.standing === 'candidate') return failedCandidate(machine, reason, context);
  switch (cureOf(reason.code)) {
    case 'restart': {
      const { backoff, until } = countFailure(machine, readyForMs, context);
      if (until <= now) return followedBy(launch({ ...machine, backoff, failure: reason }, context), id, reason);
      return conclude({ ...machine, backoff, failure: reason, phase: { name: 'waiting', id, until, network: undefined } }, reason, until);
    }
    case 'network': {
      const until = Math.max(now + policy.networkRetryMs, earliestStart(machine.backoff, now, policy));
      const network = { at: now + policy.networkCheckMs, busy: false };
      return conclude({ ...machine, failure: reason, phase: { name: 'waiting', id, until, network } }, reason, until);
    }
    case 'person': break;
  }
  const backoff = { ...machine.backoff, slow: machine.backoff.slow + 1 };
  const until = slowRetryAt(backoff, now, policy, random);
  const cause = { at: now + policy.causeCheckMs, busy: false };
  return conclude({ ...machine, backoff, failure: reason, phase: { name: 'failed', id, until, cause } }, reason, until);
}

/**
 * A candidate waits for nothing. But what may have been chance (a port that was taken for a moment, a kill) is no reason
 * to give up a change: it is started once more, at once. Not where something is short: it is so beside one that serves.
 */
function failedCandidate(machine: Machine, reason: Failure, context: Context): Step {
  const { backoff, until } = countFailure(machine, 0, context);
  const again = reason.code === 'CONNECTOR_CRASHED' && until <= context.now;
  return again ? followedBy(launch({ ...machine, backoff }, context), idOf(machine.phase), reason) : giveUp(machine, reason);
}

const giveUp = (machine: Machine, reason: Failure): Step =>
  conclude({ ...machine, failure: reason, phase: { name: 'stopped', id: idOf(machine.phase) } }, reason, undefined);

function countFailure(machine: Machine, readyForMs: number, { now, policy, random }: Context): { readonly backoff: Backoff; readonly until: number } {
  const backoff = addFailure(machine.backoff, readyForMs, policy);
  return { backoff, until: restartAt(backoff, now, policy, random) };
}

const conclude = (machine: Machine, reason: Failure, retryAt: number | undefined): Step => ({
  machine,
  effects: [announce(machine.phase, { event: 'connector.failed', failure: reason, retryAt })],
});

/** A new life begins at once: the failure is still told, of the life that failed. */
const followedBy = (next: Step, id: number, reason: Failure): Step => ({
  machine: next.machine,
  effects: [{ type: 'announce', id, pid: null, announcement: { event: 'connector.failed', failure: reason, retryAt: undefined } }, ...next.effects],
});

/** Between lives: the timers of `waiting` and `failed`. */
export function awaitNextLife(machine: Machine, phase: Extract<Phase, { name: 'waiting' | 'failed' }>, context: Context): Step {
  if (phase.until <= context.now) return launchSoon(machine, context);
  if (phase.name === 'failed') {
    if (phase.cause.busy || phase.cause.at > context.now) return { machine, effects: [] };
    return moveTo(machine, { ...phase, cause: { ...phase.cause, busy: true } }, [{ type: 'check-cause', id: phase.id }]);
  }
  if (phase.network === undefined || phase.network.busy || phase.network.at > context.now) return { machine, effects: [] };
  return moveTo(machine, { ...phase, network: { ...phase.network, busy: true } }, [{ type: 'check-network', id: phase.id }]);
}
