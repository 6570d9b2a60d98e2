import type { Warning } from '../core/dns.js';
import type { SetupStep } from '../core/status.js';
import type { SetupParameters, SetupResult } from './parameters.js';
import type { Binary, Zone } from './ports.js';

/** What a setup knows so far; in memory, made again from journal and staging after a kill. */
export interface SetupRun {
  readonly change: string;
  readonly parameters: SetupParameters;
  /** Another process began it: it goes on with what is staged, and asks no person. */
  readonly recovered: boolean;
  /** It takes the place of others on a tunnel that is there. */
  readonly adopts: boolean;
  /** Aborted by `setup cancel`, with SETUP_CANCELLED. */
  readonly cancel: AbortSignal;
  readonly onPublished: (result: SetupResult) => void;
  step: SetupStep;
  binary: Binary | undefined;
  zone: Zone | undefined;
  existed: boolean;
  /** Told with the result. */
  readonly warnings: Warning[];
}
