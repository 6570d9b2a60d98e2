import type { Random } from '../core/clock.js';
import { SupervisorError, toSupervisorError } from '../core/errors.js';
import { applyChange, type ApplyRun } from './apply.js';
import { DEFAULT_LIMITS, type ApplyPorts, type ChangeOptions, type ChangeOutcome, type ChangeRequest, type WithdrawnAddress } from './change.js';
import { applyGroup, type GroupedChange, type RuleChange } from './change-group.js';
import { recoverForwarding, type Recovery } from './recover.js';
import { applyWithdrawal } from './withdraw.js';
import { WriterQueue, type Turn } from './writer-queue.js';
import { YieldWindow } from './yield-window.js';

/** The one place through which what is published changes. */
export interface ForwardingWriter {
  /** Waits its turn and applies. A dry run waits for nobody. */
  submit(request: ChangeRequest, options: ChangeOptions): Promise<ChangeOutcome>;
  /** Goes ahead of everything that waits, and of a running change's DNS phase. Follow it with a `refresh`. */
  withdraw(addresses: readonly WithdrawnAddress[], reason: string): Promise<ChangeOutcome>;
  /**
   * Finishes or undoes what a killed supervisor left. Call it before the first `submit`, after the connectors know their
   * orphans and the committed revision is being served. A change that cannot be finished while something is away blocks
   * later ones, not withdrawals.
   */
  recover(): Promise<readonly Recovery[]>;
  /** Other work that changes what is published, such as a disconnect: in the same queue. */
  runExclusive<T>(work: (interrupt: AbortSignal) => Promise<T>): Promise<T>;
  /** Refuses what waits and stops what runs: undone, or left to the next start. */
  stop(): Promise<void>;
}

export function createWriter(ports: ApplyPorts, random: Random): ForwardingWriter {
  const limits = { ...DEFAULT_LIMITS, ...ports.limits };
  const queue = new WriterQueue(limits.maxWaiting);
  const { window } = queue;
  /** Those that the running change has to hear of, should it plan anew. */
  let withdrawn: WithdrawnAddress[] = [];
  /** The last in the queue, if it is nothing but changes of rules that can be applied together. */
  let lastGroup: GroupedChange[] | undefined;
  let waitingRefresh: { readonly reason: string; readonly outcome: Promise<ChangeOutcome> } | undefined;

  const apply = (turn: Turn, request: ChangeRequest, options: ChangeOptions): Promise<ChangeOutcome> =>
    turn.attempt(async (interrupt, onNoReturn) => {
      if (options.signal?.aborted === true) throw givenUp(); // while something urgent went ahead
      withdrawn = [];
      return applyChange(request, options, { ports, limits, window, withdrawn, interrupt, onNoReturn });
    });

  const enqueue = (request: ChangeRequest, options: ChangeOptions, onStart: () => void = () => {}): Promise<ChangeOutcome> => {
    const { signal } = options;
    const leave = new AbortController();
    const giveUp = (): void => {
      if (runs) queue.interruptActive(givenUp());
      else leave.abort(givenUp());
    };
    let runs = false;
    if (signal?.aborted === true) giveUp();
    signal?.addEventListener('abort', giveUp);
    return queue
      .run(async (turn) => {
        runs = true;
        onStart();
        return apply(turn, request, options);
      }, leave.signal)
      .finally(() => signal?.removeEventListener('abort', giveUp));
  };

  const joinGroup = (request: RuleChange, options: ChangeOptions): Promise<ChangeOutcome> =>
    new Promise<ChangeOutcome>((resolve, reject) => {
      const change: GroupedChange = { request, options, resolve, reject };
      if (lastGroup !== undefined && lastGroup.length < limits.maxWaiting && lastGroup[0]?.options.reason === options.reason) {
        lastGroup.push(change);
        return;
      }
      const group = [change];
      lastGroup = group;
      queue
        .run(async (turn) => {
          if (lastGroup === group) lastGroup = undefined;
          await applyGroup(group, (one, how) => apply(turn, one, how), ports);
        })
        .catch((error: unknown) => {
          if (lastGroup === group) lastGroup = undefined;
          for (const { reject: refuse } of group) refuse(error);
        });
    });

  const submit = (request: ChangeRequest, options: ChangeOptions): Promise<ChangeOutcome> => {
    if (options.dryRun === true) {
      return applyChange(request, options, { ports, limits, window: new YieldWindow(), withdrawn: [], interrupt: neverInterrupted(), onNoReturn: () => {} });
    }
    const isPlain = options.ifRevision === undefined && options.signal === undefined && options.takeover !== true;
    if ((request.kind === 'edit' || request.kind === 'replace') && isPlain) return joinGroup(request, options);
    if (request.kind === 'refresh' && isPlain && waitingRefresh?.reason === options.reason) return waitingRefresh.outcome;
    lastGroup = undefined;
    if (request.kind !== 'refresh' || !isPlain) return enqueue(request, options);
    const outcome = enqueue(request, options, () => forget());
    const waiting = { reason: options.reason, outcome };
    const forget = (): void => {
      if (waitingRefresh === waiting) waitingRefresh = undefined;
    };
    waitingRefresh = waiting;
    outcome.catch(forget); // refused without having begun
    return outcome;
  };

  const runExclusive = <T>(work: (interrupt: AbortSignal) => Promise<T>): Promise<T> => {
    lastGroup = undefined;
    return queue.run((turn) =>
      turn.attempt((interrupt, onNoReturn) => {
        onNoReturn();
        return work(interrupt);
      }),
    );
  };

  return {
    submit,
    withdraw: (addresses, reason) =>
      queue.runUrgent(() => {
        withdrawn.push(...addresses);
        return applyWithdrawal(addresses, reason, { ports, limits, window, withdrawn: [], interrupt: neverInterrupted(), onNoReturn: () => {} });
      }),
    recover: () => runExclusive((interrupt) => recoverAll({ ports, limits, window, withdrawn, interrupt }, random)),
    runExclusive,
    stop: () => queue.stop(),
  };
}

/** One for each run: what waits on a signal that outlives it is never collected. */
const neverInterrupted = (): AbortSignal => new AbortController().signal;

const givenUp = (): SupervisorError => new SupervisorError('INTERRUPTED', 'The change was given up by who asked for it');

/** Newest first: a withdrawal that went ahead of a change has to be over before the change goes on, as it had been. */
async function recoverAll(run: Omit<ApplyRun, 'onNoReturn'>, random: Random): Promise<readonly Recovery[]> {
  const recoveries: Recovery[] = [];
  for (const record of (await run.ports.journals.unfinished()).toReversed()) {
    if (record.header.kind !== 'forwarding' || run.interrupt.aborted) continue;
    const recovery = await recoverForwarding(record, run, random).catch((error: unknown) => unreadable(record.header.change, error, run.ports));
    if (recovery !== undefined) recoveries.push(recovery);
  }
  return recoveries;
}

/** One journal that nobody can go on with does not keep the others from being recovered. */
function unreadable(change: string, error: unknown, { emit }: ApplyPorts): Recovery {
  const recovery: Recovery = { change, outcome: 'failed', message: toSupervisorError(error).message };
  emit('journal.recovered', recovery);
  return recovery;
}
