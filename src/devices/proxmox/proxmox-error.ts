import { SupervisorError, type ErrorCode } from '../../core/errors.js';

export interface ProxmoxFacts {
  /** Undefined: no answer came. */
  readonly status: number | undefined;
  /** Whatever was asked would have failed in the same way: nobody there, not trusted, token not accepted. */
  readonly concernsAll: boolean;
  readonly cause?: unknown;
}

/** A request to Proxmox that gave no usable answer. */
export class ProxmoxError extends SupervisorError {
  readonly status: number | undefined;
  readonly concernsAll: boolean;

  constructor(code: Extract<ErrorCode, `PROXMOX_${string}`>, message: string, facts: ProxmoxFacts) {
    super(code, message, facts.cause === undefined ? {} : { cause: facts.cause });
    this.status = facts.status;
    this.concernsAll = facts.concernsAll;
  }
}
