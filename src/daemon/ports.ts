import type { Gate } from '../transaction/ports.js';

/** What tests bring in. */
export interface DaemonExtras {
  /** Awaited at every step boundary of every change. Production passes none. */
  readonly gate?: Gate;
}
