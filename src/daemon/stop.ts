import type { Clock } from '../core/clock.js';
import { HANDED_OVER, type SupervisorError } from '../core/errors.js';
import type { Parts } from './assemble.js';
import { untilAborted } from './until-aborted.js';

export interface Stop {
  /** Connectors serve on, for the next daemon to take over. */
  readonly handover: boolean;
  readonly failure: SupervisorError | undefined;
  readonly exitCode: number;
}

/** Who may ask for the end of the daemon: signals, the API, a fault at the start. */
export interface StopRequest {
  readonly asked: Promise<Stop>;
  readonly isAsked: () => boolean;
  /** Aborted when somebody asks again: what is waited for is not waited for any more. */
  readonly hurry: AbortSignal;
  readonly ask: (handover: boolean) => void;
  readonly fail: (error: SupervisorError) => void;
}

const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** From now on signals ask. `interrupted`: one that came before; it may be told to more than one of us, and counts once. */
export function createStopRequest(interrupted?: AbortSignal): StopRequest {
  const hurry = new AbortController();
  let resolveAsked: (stop: Stop) => void = () => undefined;
  let isAsked = false;
  const asked = new Promise<Stop>((resolve) => {
    resolveAsked = resolve;
  });
  const take = (stop: Stop): void => {
    if (isAsked) hurry.abort();
    isAsked = true;
    resolveAsked(stop);
  };
  const bySignal: Stop = { handover: false, failure: undefined, exitCode: 0 };
  // A terminal that closes says SIGHUP: the end, as the others.
  for (const signal of STOP_SIGNALS) process.on(signal, () => take(bySignal));
  if (interrupted?.aborted === true) take(bySignal);
  return {
    asked,
    isAsked: () => isAsked,
    hurry: hurry.signal,
    ask: (handover) => take({ handover, failure: undefined, exitCode: handover ? HANDED_OVER : 0 }),
    // What cannot be recovered is left as it is, connectors too.
    fail: (failure) => {
      if (!isAsked) take({ handover: true, failure, exitCode: 1 });
    },
  };
}

/** A change that does not end in this time is left to the next start. */
const CHANGE_TIMEOUT_MS = 10_000;

/** Stops what changes things, then what serves: drained, or left to the next daemon. */
export async function stopParts(parts: Pick<Parts, 'writer' | 'setup' | 'connectors'>, { handover, hurry, clock }: { readonly handover: boolean; readonly hurry: AbortSignal; readonly clock: Clock }): Promise<void> {
  const { writer, setup, connectors } = parts;
  const changes = Promise.all([setup.interrupt(), writer.stop()]);
  await Promise.race([changes, elapsed(clock, CHANGE_TIMEOUT_MS, hurry, changes)]);
  // In a hurry they are asked to end all the same, and left to it: each is a process of its own, and finishes what is in flight.
  if (!handover) await Promise.race([connectors.stopAll(), untilAborted(hurry)]);
  connectors.handover();
}

/** After `ms`, or when there is hurry; its timer goes when the work is done. */
async function elapsed(clock: Clock, ms: number, hurry: AbortSignal, work: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  void work.finally(() => done.abort());
  await clock.sleep(ms, AbortSignal.any([hurry, done.signal])).catch(() => undefined);
}
