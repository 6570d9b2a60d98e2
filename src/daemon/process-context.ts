import type { Clock, Random } from '../core/clock.js';
import type { Environment } from '../host/child-environment.js';
import type { Identity } from '../host/identity.js';
import type { Logger } from '../host/logging.js';
import type { Places } from '../host/places.js';
import type { Redactor } from '../host/redact.js';
import type { RunOptions } from './options.js';

/** What every part of this process is made with. */
export interface ProcessContext {
  readonly options: RunOptions;
  readonly identity: Identity;
  readonly places: Places;
  readonly version: string;
  /** Our own environment; no child sees it. */
  readonly environment: Environment;
  /** What cloudflared sees. */
  readonly childEnvironment: Readonly<Record<string, string>>;
  /** What of it is of our own making, for children whose environment is put together elsewhere. */
  readonly childExtra: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly redactor: Redactor;
}
