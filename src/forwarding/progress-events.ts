import type { Emit } from '../core/events.js';
import type { RunOptions } from '../transaction/forward.js';
import type { ForwardingStep } from './steps.js';

/** One event for each percent at most: a change of ten thousand records must not push all other events out of the log. */
export function reportProgress(change: string, emit: Emit): NonNullable<RunOptions<ForwardingStep>['onStep']> {
  let reported = -1;
  let lastKind: string | undefined;
  return ({ index, of, step, phase }) => {
    if (phase !== 'begun') return;
    const percent = Math.floor((index / of) * 100);
    if (percent === reported && step.kind === lastKind) return;
    reported = percent;
    lastKind = step.kind;
    emit('forwarding.progressed', { change, step: step.kind, done: index, total: of });
  };
}
