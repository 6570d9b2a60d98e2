import type { ErrorCode } from '../core/errors.js';
import { ERRORS, toSupervisorError } from '../core/errors.js';

/** What was looked at, and what came of it. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** Null where there is nothing to say but that all is well. */
  readonly code: string | null;
  readonly message: string;
  /** What to do; null where there is nothing. */
  readonly hint: string | null;
}

export const pass = (name: string, message: string): Check => ({ name, ok: true, code: null, message, hint: null });

/** All is well, and there is something that is good to know. */
export const note = (name: string, code: string, message: string, hint: string): Check => ({ name, ok: true, code, message, hint });

export const fail = (name: string, code: ErrorCode, message: string, hint: string = ERRORS[code].hint): Check => ({ name, ok: false, code, message, hint });

/** What was thrown, as a finding. */
export function failWith(name: string, thrown: unknown): Check {
  const { code, message, hint } = toSupervisorError(thrown);
  return fail(name, code, message, hint);
}
