import { SupervisorError } from '../core/errors.js';
import { YieldWindow } from './yield-window.js';

/** One run of a change: may be stopped by its signal until it says that it cannot be undone any more. */
export type Attempt<T> = (interrupt: AbortSignal, onNoReturn: () => void) => Promise<T>;

/** What a piece of work gets when its turn comes. */
export interface Turn {
  /** Runs the attempt; where it gave way to something urgent and was undone for it, runs it again afterwards. */
  attempt<T>(attempt: Attempt<T>): Promise<T>;
}

interface Active {
  readonly controller: AbortController;
  pastNoReturn: boolean;
  givesWay: boolean;
}

/** A piece of work whose turn has not come. */
interface Waiting {
  readonly start: () => Promise<void>;
  readonly refuse: (error: SupervisorError) => void;
}

/**
 * One writer: pieces of work run one after another, in the order of asking. Something urgent goes ahead of those that
 * wait, and of the one that runs: beside it while it waits for the network (`window`), by stopping it while that leaves
 * no trace, else after it.
 */
export class WriterQueue {
  readonly window = new YieldWindow();
  readonly #maxWaiting: number;
  readonly #waiting: Waiting[] = [];
  #active: Active | undefined;
  #pump: Promise<void> | undefined;
  #stopped = false;

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  /** Rejects with DAEMON_BUSY or DAEMON_STOPPING without having begun; with the reason of `leave` as soon as that is aborted while it waits. */
  run<T>(work: (turn: Turn) => Promise<T>, leave?: AbortSignal): Promise<T> {
    if (leave?.aborted === true) return Promise.reject(leave.reason as Error);
    if (this.#stopped) return Promise.reject(stopping());
    if (this.#waiting.length >= this.#maxWaiting) return Promise.reject(new SupervisorError('DAEMON_BUSY', `${this.#waiting.length} changes are waiting already`));
    return new Promise<T>((resolve, reject) => {
      const turn: Turn = { attempt: (attempt) => this.#attempt(attempt) };
      const onLeave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(leave?.reason as Error);
      };
      const noLonger = (): void => leave?.removeEventListener('abort', onLeave);
      const waiting: Waiting = {
        start: () => {
          noLonger();
          return work(turn).then(resolve, reject);
        },
        refuse: (error) => {
          noLonger();
          reject(error);
        },
      };
      this.#waiting.push(waiting);
      leave?.addEventListener('abort', onLeave, { once: true });
      this.#keepGoing();
    });
  }

  runUrgent<T>(work: () => Promise<T>): Promise<T> {
    if (this.#stopped) return Promise.reject(stopping());
    const done = this.window.enter(work);
    const active = this.#active;
    if (active !== undefined && this.window.isWaitedFor && !this.window.isOpen && !active.pastNoReturn) {
      active.givesWay = true;
      active.controller.abort(new SupervisorError('INTERRUPTED', 'The change gives way to the withdrawal of an address, and is made again after it'));
    }
    this.#keepGoing();
    return done;
  }

  /** Refuses what waits, stops what runs, and resolves when it has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { refuse } of this.#waiting.splice(0)) refuse(stopping());
    this.#active?.controller.abort(stopping());
    await this.#pump;
  }

  #keepGoing(): void {
    this.#pump ??= this.#runAll().finally(() => {
      this.#pump = undefined;
      if (this.#waiting.length > 0 || this.window.isWaitedFor) this.#keepGoing();
    });
  }

  async #runAll(): Promise<void> {
    for (;;) {
      await this.#runUrgentOnes();
      const next = this.#waiting.shift();
      if (next === undefined) return;
      await next.start();
    }
  }

  async #runUrgentOnes(): Promise<void> {
    while (this.window.isWaitedFor) await this.window.during(async () => {});
  }

  async #attempt<T>(attempt: Attempt<T>): Promise<T> {
    for (;;) {
      if (this.#stopped) throw stopping();
      const active: Active = { controller: new AbortController(), pastNoReturn: false, givesWay: false };
      this.#active = active;
      try {
        return await attempt(active.controller.signal, () => {
          active.pastNoReturn = true;
        });
      } catch (error) {
        if (!active.givesWay || this.#stopped) throw error;
      } finally {
        this.#active = undefined;
      }
      await this.#runUrgentOnes();
    }
  }

  /** Stops what runs, if that leaves no trace. */
  interruptActive(error: SupervisorError): void {
    if (this.#active?.pastNoReturn === false) this.#active.controller.abort(error);
  }
}

const stopping = (): SupervisorError => new SupervisorError('DAEMON_STOPPING', 'The daemon is stopping');
