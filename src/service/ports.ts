/** What driving a unit needs of the daemon itself; implemented over its control API. */
export interface DaemonPort {
  /** Undefined where none serves this base directory. */
  whoServes(): Promise<Serving | undefined>;
  /** It ends and leaves its connectors to the next one; resolves when its process is gone. */
  handOver(pid: number): Promise<void>;
  /** It drains its connectors and ends; resolves when its process is gone. */
  stop(pid: number): Promise<void>;
  /** Resolves as soon as a daemon serves, or with undefined where none does in time. */
  awaitServing(timeoutMs: number): Promise<Serving | undefined>;
  /** Without the unit: what is done where the unit does not start, so that somebody serves. */
  startInBackground(): Promise<Serving>;
}

export interface Serving {
  readonly pid: number;
  readonly socket: string;
  readonly version: string;
}
