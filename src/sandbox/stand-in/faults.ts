import { appendFileSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Trouble that a test scripts: `faults.json` beside the executable that `writeStandIn` writes, read anew at each start.
 * (The environment would not do: a supervisor hands its children a short list of variables.) All keys are optional.
 */
export interface Faults {
  /** What `--version` says in place of the real version. */
  readonly version?: string;
  /** Every command ends like this at once, `--version` too: a binary that does not run. */
  readonly unusable?: { readonly exitCode: number; readonly message?: string };
  readonly run: RunFaults;
  readonly login: LoginFaults;
  readonly routeDns: { readonly exitCode?: number; readonly message?: string };
}

export interface RunFaults {
  /** Only the first so many starts of `run` have these faults; they are counted in `faults.starts` beside the file. */
  readonly firstStarts?: number;
  /** Ends by itself: so many ms after its start (0 unless given), with a code (1 unless given) or by a signal (`SIGKILL` is what the kernel sends when memory is short). */
  readonly crash?: { readonly afterMs?: number; readonly exitCode?: number; readonly signal?: string };
  /** Starts, and does nothing at all: no log, no metrics server. */
  readonly hang?: boolean;
  /** Serves metrics and dials nobody: `/ready` stays 503. */
  readonly neverReady?: boolean;
  /** So many ms after `/ready` first said so it cuts its connections and makes no more. */
  readonly loseReadinessAfterMs?: number;
  /** SIGTERM and SIGINT do nothing. */
  readonly ignoreSigterm?: boolean;
  /** Writes this many lines of log a second. */
  readonly floodLinesPerSecond?: number;
  /** The answer of `/config` in place of the true one. */
  readonly config?: unknown;
  /** The first connection waits this long before it is dialled. */
  readonly dialAfterMs?: number;
  /** Multiplies the pauses before reconnecting (20 s and more by default), so that tests need not wait. */
  readonly retryScale?: number;
}

export interface LoginFaults {
  /** Ends at once, without a URL. */
  readonly exitCode?: number;
  readonly message?: string;
  /** Prints nothing and waits. */
  readonly hang?: boolean;
  /** Prints its text bit by bit. */
  readonly pieces?: { readonly bytes: number; readonly everyMs: number };
}

export const NO_FAULTS: Faults = { run: {}, login: {}, routeDns: {} };

const RUN_KEYS = new Set(['firstStarts', 'crash', 'hang', 'neverReady', 'loseReadinessAfterMs', 'ignoreSigterm', 'floodLinesPerSecond', 'config', 'dialAfterMs', 'retryScale']);
const KEYS: Readonly<Record<string, ReadonlySet<string>>> = {
  run: RUN_KEYS,
  login: new Set(['exitCode', 'message', 'hang', 'pieces']),
  routeDns: new Set(['exitCode', 'message']),
  unusable: new Set(['exitCode', 'message']),
};

/** A misspelt fault would be a test that proves nothing. */
function checkKeys(faults: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(faults)) {
    if (name === 'version') continue;
    const known = KEYS[name];
    if (known === undefined || typeof value !== 'object' || value === null) throw new Error(`faults.json: there is no fault "${name}"`);
    const unknown = Object.keys(value).find((key) => !known.has(key));
    if (unknown !== undefined) throw new Error(`faults.json: there is no fault "${name}.${unknown}"`);
  }
}

function readFaultFile(path: string): Partial<Faults> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // No file, no faults.
    return {};
  }
  const faults = JSON.parse(text) as Record<string, unknown>;
  checkKeys(faults);
  return faults;
}

/** Faults for the executable at `path`; undefined where the program was not started by one. */
export const readFaults = (path: string | undefined): Faults => (path === undefined ? NO_FAULTS : { ...NO_FAULTS, ...readFaultFile(join(dirname(path), 'faults.json')) });

/** Counts this start of `run`, and leaves out faults that were for earlier ones. */
export function countStart(path: string | undefined, faults: RunFaults): RunFaults {
  if (path === undefined || faults.firstStarts === undefined) return faults;
  const counter = join(dirname(path), 'faults.starts');
  appendFileSync(counter, '.');
  return statSync(counter).size > faults.firstStarts ? {} : faults;
}
