import { ERRORS, toSupervisorError } from '../core/errors.js';
import type { ErrorCode } from '../core/errors.js';

/**
 * The one table of what can go wrong with a connector: how it is recognised, what is done about it, and what
 * cures it. Meaning and hint for people are those of the code in core/errors.ts; the README's table is
 * generated from both, and a test proves them equal.
 */

/**
 * `restart`: a new process may cure it: at once, then with growing delays.
 * `network`: only the network cures it: a running connector is left alone, an ended one waits for the network.
 * `person`: somebody must act: reported at once, tried again every few minutes and as soon as the cause changes.
 */
export type Cure = 'restart' | 'network' | 'person';

export interface FailureSpec {
  /** The fact that it is recognised by. */
  readonly recognisedBy: string;
  /** What this program does. */
  readonly weDo: string;
  readonly cure: Cure;
}

const RESTART = 'Starts it again: at once the first time, then after doubling, jittered delays of up to 60 s.';
const SLOWLY = 'Reports it at once, tries again every few minutes, and at once when the file or program changes.';
const WAIT = 'Leaves a running connector alone, which reconnects by itself; starts an ended one when the network is back.';

export const FAILURES = {
  BINARY_MISSING: { recognisedBy: 'There is no file where cloudflared should be.', weDo: SLOWLY, cure: 'person' },
  BINARY_UNUSABLE: { recognisedBy: 'The file cannot be executed, or its `--version` does not answer as cloudflared does.', weDo: SLOWLY, cure: 'person' },
  BINARY_TOO_OLD: { recognisedBy: 'Its `--version` is below the oldest that knows the flags we use.', weDo: SLOWLY, cure: 'person' },
  CONFIG_REFUSED: { recognisedBy: 'It ended before it was ready, and `ingress validate` refuses the file too.', weDo: `A change is rolled back. In supervision: ${SLOWLY}`, cure: 'person' },
  CREDENTIALS_MISSING: { recognisedBy: 'The credentials file is absent, unreadable, not JSON, or for another tunnel.', weDo: SLOWLY, cure: 'person' },
  CREDENTIALS_REFUSED: { recognisedBy: 'The edge refuses registrations, and Cloudflare knows another secret for this tunnel.', weDo: SLOWLY, cure: 'person' },
  TUNNEL_DELETED: { recognisedBy: 'The edge refuses registrations, and Cloudflare says the tunnel is deleted.', weDo: SLOWLY, cure: 'person' },
  EDGE_UNREACHABLE: { recognisedBy: 'No connection, and no edge address accepts a TCP connection.', weDo: WAIT, cure: 'network' },
  RESOLVER_DEAD: { recognisedBy: 'No resolver of this machine answers anything, and it still starts (30 s without a word from its metrics port), or gave up its start, or the edge has no address but by name.', weDo: WAIT, cure: 'network' },
  EDGE_REFUSED: { recognisedBy: 'The counter of refused registrations grows, though the tunnel exists.', weDo: 'Lets a running one try on and replaces it after 2 minutes. An ended one: as a crash.', cure: 'restart' },
  METRICS_PORT_TAKEN: { recognisedBy: 'It ended at once, and something else listens on its metrics port.', weDo: 'Starts it again at once with another port.', cure: 'restart' },
  MEMORY_EXHAUSTED: { recognisedBy: 'It ended by SIGKILL that was not ours, and the kernel counts one more victim of memory shortage.', weDo: RESTART, cure: 'restart' },
  CONNECTOR_CRASHED: { recognisedBy: 'It ended without being asked to, and no other fact explains it.', weDo: `${RESTART} In a change: once, then the change is rolled back.`, cure: 'restart' },
  CONNECTOR_NOT_READY: { recognisedBy: 'It runs, the network is up, and it has never had a connection.', weDo: 'A change is rolled back after its deadline. In supervision: killed and started again after 2 minutes.', cure: 'restart' },
  CONNECTOR_LOST: { recognisedBy: 'It runs, the network is up, and it has lost all its connections.', weDo: 'After 2 minutes a new one is started beside it and takes over as soon as it is ready.', cure: 'restart' },
  CONNECTOR_STUCK: { recognisedBy: 'It still runs when its stop timeout (grace period and a margin) is over.', weDo: 'Kills its process group.', cure: 'restart' },
  CONNECTOR_MISMATCH: { recognisedBy: 'Its `/config` shows other rules than it was given.', weDo: 'The change is rolled back.', cure: 'restart' },
  PROCESS_LIMIT: { recognisedBy: 'The system refuses to make a process (EAGAIN, ENOMEM).', weDo: RESTART, cure: 'restart' },
  DESCRIPTORS_EXHAUSTED: { recognisedBy: 'The system refuses to open a file (EMFILE, ENFILE).', weDo: RESTART, cure: 'restart' },
  DISK_FULL: { recognisedBy: 'The log file cannot be made (ENOSPC, EDQUOT).', weDo: RESTART, cure: 'restart' },
  STORAGE_READONLY: { recognisedBy: 'The log file cannot be made (EROFS).', weDo: RESTART, cure: 'restart' },
  STORAGE_FORBIDDEN: { recognisedBy: 'A file cannot be read or written by this user (EACCES, EPERM).', weDo: SLOWLY, cure: 'person' },
  STORAGE_FAILED: { recognisedBy: 'A file cannot be read or written, for another reason.', weDo: RESTART, cure: 'restart' },
} as const satisfies Partial<Record<ErrorCode, FailureSpec>>;

export type FailureCode = keyof typeof FAILURES;

/** One failure of one connector. The message says what happened, to what; never a secret. */
export interface Failure {
  readonly code: FailureCode;
  readonly message: string;
}

export const failure = (code: FailureCode, message: string = ERRORS[code].meaning): Failure => ({ code, message });

export const cureOf = (code: FailureCode): Cure => FAILURES[code].cure;

/** What a port threw or found, as a failure of a connector. */
export function toFailure(thrown: unknown): Failure {
  const error = toSupervisorError(thrown);
  return isFailureCode(error.code) ? failure(error.code, error.message) : failure('CONNECTOR_CRASHED', error.message);
}

export const isFailureCode = (code: string): code is FailureCode => Object.hasOwn(FAILURES, code);
