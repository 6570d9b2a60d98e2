import { SupervisorError } from '../core/errors.js';
import { SYSTEM_PATH } from '../host/child-environment.js';
import { findSystemProgram } from '../host/system-program.js';

/** The absolute path of one of the system's programs. */
export type FindProgram = (name: string) => string;

/** @throws SupervisorError SERVICE_FAILED where this machine has no such program. */
export function requireProgram(name: string): string {
  const found = findSystemProgram(name);
  if (found === undefined) throw new SupervisorError('SERVICE_FAILED', `this machine has no program ${name} in ${SYSTEM_PATH}`);
  return found;
}
