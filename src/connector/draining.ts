import { failure } from './failures.js';
import type { Failure } from './failures.js';
import { announce, isOver, keep, lifeOf, moveTo, stay } from './machine.js';
import type { Context, Effect, Life, Machine, Message, Phase, Step, Stop, StopHow } from './machine.js';
import { probeInterval, UNREGISTERING_PROBES, WATCHED_DRAIN_PROBES } from './policy.js';
import { failed } from './recovering.js';

/**
 * The stopping protocol. A connector gets at most one SIGTERM in its life, since a second one cuts off what is in
 * flight; so it is asked for its readiness first:
 * - ready: SIGTERM, whatever its age (when we are told to stop ourselves: if it stays ready for a moment); a young one is killed as soon as it is idle, before it registers again;
 * - never ready: SIGKILL;
 * - was ready and is not: somebody else told it to stop, or it lost the edge. No signal: it is watched. If it gets
 *   ready again, nobody told it, and SIGTERM is due; if nothing is in flight and it stays, SIGKILL harms nobody;
 * - was ready and does not answer: SIGTERM.
 * What still runs at the stop timeout is killed, with its group.
 */

type Draining = Extract<Phase, { name: 'draining' }>;

/** Begins, or hastens, the end of a running process. `because`: what its end will mean. */
export function drain(machine: Machine, life: Life, how: StopHow, because: Failure | undefined, readyForMs: number, context: Context): Step {
  const begun = beginning(because, how === 'drain-with-us' ? context.policy.confirmReadyMs : 0, context);
  const announced = (phase: Phase): Effect => announce(phase, { event: 'connector.draining' });
  if (how === 'kill') {
    const phase: Draining = { name: 'draining', life: { ...life, probing: false }, stop: killed(begun, context), readyForMs };
    return moveTo(machine, phase, [{ type: 'kill', id: life.id }, announced(phase)]);
  }
  const ask = life.ask + 1;
  const phase: Draining = { name: 'draining', life: { ...life, ask, probing: true }, stop: begun, readyForMs };
  return moveTo(machine, phase, [{ type: 'probe', id: life.id, ask, counters: true }, announced(phase)]);
}

const beginning = (because: Failure | undefined, confirmMs: number, { now, policy }: Context): Stop => ({
  step: 'asking', since: now, confirmMs, unregistered: false, young: false, idleSince: undefined, deadlineAt: now + policy.stopTimeoutMs, because,
});

const killed = (stop: Stop, { now, policy }: Context): Stop => ({ ...stop, step: 'killed', deadlineAt: now + policy.killAgainMs });

/** Any message to a connector that is being stopped. */
export function stepDraining(machine: Machine, phase: Draining, message: Message, context: Context): Step {
  switch (message.type) {
    case 'exited': {
      const over: Phase = { name: 'stopped', id: phase.life.id };
      const stopped: Effect = announce(phase, { event: 'connector.stopped', exit: message.exit });
      const { because } = phase.stop;
      if (because === undefined || machine.standing !== 'kept') return moveTo({ ...machine, failure: because ?? machine.failure }, over, [stopped]);
      const next = failed(machine, because, phase.readyForMs, context);
      return { machine: next.machine, effects: [stopped, ...next.effects] };
    }
    case 'stop': {
      const stop: Stop = { ...phase.stop, because: undefined };
      if (message.how !== 'kill' || stop.step === 'killed') return moveTo(machine, { ...phase, stop });
      return moveTo(machine, { ...phase, stop: killed(stop, context) }, [{ type: 'kill', id: phase.life.id }]);
    }
    case 'probed':
      return message.ask === phase.life.ask ? stepAnswer(machine, phase, message, context) : stay(machine);
    case 'tick':
      return stepTime(machine, phase, context);
    case 'keep':
      return stay(keep(machine));
    case 'release':
      return stay({ ...machine, standing: 'released' });
    case 'launched': case 'launch-failed': case 'life-diagnosed': case 'exit-diagnosed': case 'network-checked':
    case 'cause-checked': case 'nudged': case 'replacement-failed': case 'recycle': break;
  }
  return stay(machine);
}

function stepAnswer(machine: Machine, phase: Draining, message: Extract<Message, { type: 'probed' }>, context: Context): Step {
  const { stop } = phase;
  const { now, policy } = context;
  const answer = message.probe.kind;
  const inFlight = message.counters?.inFlight;
  const probed = (next: Stop, steps = WATCHED_DRAIN_PROBES): Draining => {
    const everyMs = probeInterval(steps, now - next.since, policy.readyProbeMs);
    const connections = message.probe.kind === 'ready' ? message.probe.connections : 0;
    return { ...phase, stop: next, life: { ...phase.life, connections, inFlight, probing: false, probeAt: now + everyMs } };
  };
  const terminate = (): Step => moveTo(
    machine,
    probed({ ...stop, step: 'terminated', since: now, unregistered: false, young: now - phase.life.since < policy.youngMs, deadlineAt: now + policy.stopTimeoutMs }, UNREGISTERING_PROBES),
    [{ type: 'terminate', id: phase.life.id }],
  );
  const kill = (): Step => moveTo(machine, probed(killed(stop, context)), [{ type: 'kill', id: phase.life.id }]);
  switch (stop.step) {
    case 'killed':
      return stay(machine);
    case 'terminated': {
      // No answer in time is no proof: it may be serving still.
      const unregistered = stop.unregistered || answer === 'not-ready';
      const idleSince = answer === 'not-ready' && inFlight === 0 ? (stop.idleSince ?? now) : undefined;
      if (stop.young && idleSince !== undefined && now - idleSince >= policy.idleYoungMs) return kill();
      return moveTo(machine, probed({ ...stop, unregistered, idleSince }, unregistered ? WATCHED_DRAIN_PROBES : UNREGISTERING_PROBES));
    }
    case 'asking':
      if (answer === 'ready') return now - stop.since < stop.confirmMs ? moveTo(machine, probed(stop)) : terminate();
      if (!phase.life.everReady) return kill();
      if (answer === 'unreachable') return terminate();
      return moveTo(machine, probed({ ...stop, step: 'watched', unregistered: true }));
    case 'watched': break;
  }
  if (answer === 'ready') return terminate();
  if (inFlight === 0 && now - stop.since >= policy.idleUnregisteredMs) return kill();
  return moveTo(machine, probed(stop));
}

function stepTime(machine: Machine, phase: Draining, context: Context): Step {
  const { life, stop } = phase;
  if (stop.deadlineAt <= context.now) {
    const because = stop.because ?? failure('CONNECTOR_STUCK');
    const effects: Effect[] = [{ type: 'kill', id: life.id }];
    if (stop.step !== 'killed') effects.push(announce(phase, { event: 'connector.failed', failure: because, retryAt: undefined }));
    return moveTo(machine, { ...phase, stop: killed(stop, context) }, effects);
  }
  if (!wantsProbe(stop) || life.probing || life.probeAt > context.now) return stay(machine);
  const ask = life.ask + 1;
  return moveTo(machine, { ...phase, life: { ...life, ask, probing: true } }, [{ type: 'probe', id: life.id, ask, counters: stop.step === 'watched' || stop.young }]);
}

const wantsProbe = (stop: Stop): boolean => stop.step === 'asking' || stop.step === 'watched' || (stop.step === 'terminated' && (stop.young || !stop.unregistered));

export function drainingDueAt(phase: Draining): number {
  const { life, stop } = phase;
  return wantsProbe(stop) && !life.probing ? Math.min(stop.deadlineAt, life.probeAt) : stop.deadlineAt;
}

/** A stop that finds no process: over at once, or as soon as the start that is under way has given one. */
export function stopWithoutLife(machine: Machine, how: StopHow): Step {
  const { phase } = machine;
  if (phase.name === 'launching') return moveTo(machine, { ...phase, stop: how });
  if (isOver(phase) || lifeOf(phase) !== undefined) return stay(machine);
  return moveTo(machine, { name: 'stopped', id: 'id' in phase ? phase.id : phase.life.id });
}
