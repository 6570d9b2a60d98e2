import { forgetBarren, NO_FAILURES } from './backoff.js';
import { drain, drainingDueAt, stepDraining, stopWithoutLife } from './draining.js';
import { announce, isOver, keep, moveTo, stay } from './machine.js';
import type { Context, Life, Machine, Message, Phase, Standing, Step } from './machine.js';
import { probeInterval, LOST_PROBES, STARTING_PROBES, YOUNG_READY_PROBES } from './policy.js';
import type { ProbeStep } from './policy.js';
import type { Program } from './ports.js';
import { awaitNextLife, ended, failed, launch, launchSoon } from './recovering.js';
import { diagnoseWhenDue, newWatch, stepWatch, watchDueAt } from './without-connection.js';

/**
 * One connector: (state, message) gives (state, effects). Pure: no clock, no process, no promise in here.
 *
 *   launching ─ starting ─ ready ⇄ lost        draining ─ stopped
 *       └───────────┴────────┴──────┴─ examining ─┬─ waiting | failed ─ launching …    (kept ones)
 *                                                 ├─ launching …                       (kept ones; a candidate, once)
 *                                                 └─ stopped                           (all others)
 */
export const newMachine = (revision: number, standing: Standing, trial?: Program): Machine => ({
  revision, standing, trial, backoff: NO_FAILURES, failure: undefined, phase: { name: 'stopped', id: 0 },
});

export const startMachine = (machine: Machine, context: Context): Step => launch(machine, context);

/** A process that runs already. It may have served before: it is treated as if it had. */
export function adoptMachine(revision: number, pid: number, ageMs: number, context: Context): Machine {
  const life = { ...newLife(context.nextId, pid, context), since: context.now - ageMs, everReady: true };
  return { ...newMachine(revision, 'released'), phase: { name: 'starting', life, watch: newWatch(life, context) } };
}

export function step(machine: Machine, message: Message, context: Context): Step {
  const { phase } = machine;
  switch (phase.name) {
    case 'draining':
      return concerns(message, phase.life.id) ? stepDraining(machine, phase, message, context) : stay(machine);
    case 'starting': case 'ready': case 'lost':
      return concerns(message, phase.life.id) ? stepLife(machine, phase, message, context) : stayAndReport(machine, message);
    case 'launching': case 'examining': case 'waiting': case 'failed': case 'stopped': break;
  }
  return concerns(message, phase.id) ? stepBetween(machine, phase, message, context) : stayAndReport(machine, message);
}

const concerns = (message: Message, id: number): boolean => !('id' in message) || message.id === id;

/** Of what concerns an earlier life only the reason of its end is worth telling. */
const stayAndReport = (machine: Machine, message: Message): Step => message.type !== 'exit-diagnosed' ? stay(machine) : stay(machine, [
  { type: 'announce', id: message.id, pid: null, announcement: { event: 'connector.failed', failure: message.failure, retryAt: undefined } },
]);

type Between = Extract<Phase, { name: 'launching' | 'examining' | 'waiting' | 'failed' | 'stopped' }>;
type Living = Extract<Phase, { name: 'starting' | 'ready' | 'lost' }>;

/** No process, or none yet. */
function stepBetween(machine: Machine, phase: Between, message: Message, context: Context): Step {
  switch (message.type) {
    case 'launched': {
      if (phase.name !== 'launching') return stay(machine);
      const life = newLife(message.id, message.pid, context);
      const starting: Phase = { name: 'starting', life, watch: newWatch(life, context) };
      const started = moveTo(machine, starting, [announce(starting, { event: 'connector.started' })]);
      if (phase.stop === undefined) return started;
      const next = drain(started.machine, life, phase.stop, undefined, 0, context);
      return { machine: next.machine, effects: [...started.effects, ...next.effects] };
    }
    case 'launch-failed':
      if (phase.name !== 'launching') return stay(machine);
      if (phase.stop !== undefined) return moveTo({ ...machine, failure: message.failure }, { name: 'stopped', id: phase.id });
      return failed(machine, message.failure, 0, context);
    case 'exit-diagnosed':
      return phase.name === 'examining' ? failed(machine, message.failure, phase.readyForMs, context) : stay(machine);
    case 'network-checked': {
      if (phase.name !== 'waiting' || phase.network === undefined) return stay(machine);
      if (message.network === 'up') return launchSoon(machine, context);
      return moveTo(machine, { ...phase, network: { at: context.now + context.policy.networkCheckMs, busy: false } });
    }
    case 'cause-checked':
      if (phase.name !== 'failed') return stay(machine);
      if (message.changed) return launchSoon(machine, context);
      return moveTo(machine, { ...phase, cause: { at: context.now + context.policy.causeCheckMs, busy: false } });
    case 'keep': {
      const kept = keep(machine);
      return isOver(phase) ? launchSoon(kept, context) : stay(kept);
    }
    case 'release': {
      const released: Machine = { ...machine, standing: 'released' };
      return phase.name === 'waiting' || phase.name === 'failed' ? moveTo(released, { name: 'stopped', id: phase.id }) : stay(released);
    }
    case 'stop':
      return stopWithoutLife(machine, message.how);
    case 'tick':
      return phase.name === 'waiting' || phase.name === 'failed' ? awaitNextLife(machine, phase, context) : stay(machine);
    case 'probed': case 'exited': case 'life-diagnosed': case 'nudged': case 'replacement-failed': case 'recycle': break;
  }
  return stay(machine);
}

/** A process runs, and nobody has asked it to end. */
function stepLife(machine: Machine, phase: Living, message: Message, context: Context): Step {
  const { life } = phase;
  switch (message.type) {
    case 'probed':
      return message.ask === life.ask ? stepProbed(machine, phase, message, context) : stay(machine);
    case 'exited':
      return ended(machine, message.exit, readyForMs(phase, context.now), context);
    case 'stop':
      return drain(machine, life, message.how, undefined, readyForMs(phase, context.now), context);
    case 'tick':
      return stepTime(machine, phase, context);
    case 'nudged': {
      const probeAt = Math.min(life.probeAt, context.now);
      return moveTo(machine, { ...phase, life: { ...life, probeAt } });
    }
    case 'life-diagnosed':
      return phase.name === 'ready' ? stay(machine) : stepWatch(machine, phase, message, context);
    case 'replacement-failed':
      if (phase.name !== 'lost') return stay(machine);
      return moveTo(machine, { ...phase, replaceAt: context.now + context.policy.withoutConnectionMs });
    case 'recycle':
      return drain(machine, life, 'drain', message.failure, readyForMs(phase, context.now), context);
    case 'keep':
      return stay(keep(machine));
    case 'release':
      return stay({ ...machine, standing: 'released' });
    case 'launched': case 'launch-failed': case 'exit-diagnosed': case 'network-checked': case 'cause-checked': break;
  }
  return stay(machine);
}

function stepProbed(machine: Machine, phase: Living, message: Extract<Message, { type: 'probed' }>, context: Context): Step {
  const { now, policy } = context;
  const { probe, counters } = message;
  const answered: Life = {
    ...phase.life,
    probing: false,
    mute: phase.life.mute && probe.kind === 'unreachable',
    registerFailures: counters?.registerFailures ?? phase.life.registerFailures,
    inFlight: counters === undefined ? phase.life.inFlight : counters.inFlight,
  };
  if (probe.kind === 'ready') {
    const since = phase.name === 'ready' ? phase.since : now;
    const probeAt = now + probeInterval(YOUNG_READY_PROBES, now - since, policy.readyProbeMs);
    const life: Life = { ...answered, everReady: true, connections: probe.connections, probeAt };
    const next: Phase = { name: 'ready', life, since, unanswered: 0 };
    if (phase.name === 'ready') return moveTo(machine, next);
    return moveTo({ ...machine, failure: undefined, backoff: forgetBarren(machine.backoff) }, next, [announce(next, { event: 'connector.ready' })]);
  }
  if (phase.name === 'starting' && !answered.everReady) {
    return stepWatch(machine, { ...phase, life: nextProbe(answered, STARTING_PROBES, now - answered.since, context) }, undefined, context);
  }
  if (phase.name === 'lost') {
    return stepWatch(machine, { ...phase, life: nextProbe(answered, LOST_PROBES, now - phase.since, context) }, undefined, context);
  }
  const unanswered = phase.name === 'ready' ? phase.unanswered + 1 : policy.unreachableProbes;
  if (phase.name === 'ready' && probe.kind === 'unreachable' && unanswered < policy.unreachableProbes) {
    return moveTo(machine, { ...phase, unanswered, life: nextProbe(answered, LOST_PROBES, 0, context) });
  }
  const life = nextProbe({ ...answered, connections: 0, countersAt: now }, LOST_PROBES, 0, context);
  const lost: Phase = { name: 'lost', life, since: now, readyForMs: readyForMs(phase, now), watch: newWatch(life, context), replaceAt: now };
  return moveTo(machine, lost, [announce(lost, { event: 'connector.lost' })]);
}

function stepTime(machine: Machine, phase: Living, context: Context): Step {
  const asked = phase.name === 'ready' ? stay(machine) : diagnoseWhenDue(machine, phase, context);
  const present = asked.machine.phase;
  if (present.name !== phase.name || !('life' in present)) return asked;
  const { life } = present;
  if (life.probing || life.probeAt > context.now) return asked;
  const counters = phase.name !== 'ready' && life.countersAt <= context.now;
  const next: Life = { ...life, ask: life.ask + 1, probing: true, countersAt: counters ? context.now + COUNTERS_EVERY_MS : life.countersAt };
  return moveTo(asked.machine, { ...present, life: next }, [...asked.effects, { type: 'probe', id: life.id, ask: next.ask, counters }]);
}

/** The counters are 20 kB of text: read once a second, and not at all in a start that goes well. */
const COUNTERS_EVERY_MS = 1_000;

const nextProbe = (life: Life, steps: readonly ProbeStep[], sinceMs: number, { now, policy }: Context): Life =>
  ({ ...life, probeAt: now + probeInterval(steps, sinceMs, policy.readyProbeMs) });

const newLife = (id: number, pid: number, { now }: Context): Life => ({
  id, pid, since: now, everReady: false, mute: true, connections: 0, registerFailures: 0, inFlight: undefined,
  ask: 0, probing: false, probeAt: now, countersAt: now + COUNTERS_EVERY_MS / 2,
});

function readyForMs(phase: Living, now: number): number {
  if (phase.name === 'ready') return now - phase.since;
  return phase.name === 'lost' ? phase.readyForMs : 0;
}

/** When it wants a `tick`; undefined: not before something else happens. */
export function dueAt(machine: Machine): number | undefined {
  const { phase } = machine;
  switch (phase.name) {
    case 'starting': case 'lost': {
      const watch = watchDueAt(phase.watch);
      return phase.life.probing ? watch : Math.min(watch, phase.life.probeAt);
    }
    case 'ready': return phase.life.probing ? undefined : phase.life.probeAt;
    case 'draining': return drainingDueAt(phase);
    case 'waiting': return phase.network === undefined || phase.network.busy ? phase.until : Math.min(phase.until, phase.network.at);
    case 'failed': return phase.cause.busy ? phase.until : Math.min(phase.until, phase.cause.at);
    case 'launching': case 'examining': case 'stopped': break;
  }
  return undefined;
}
