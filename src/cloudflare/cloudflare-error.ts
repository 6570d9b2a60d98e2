import { SupervisorError, type ErrorCode } from '../core/errors.js';

export interface RefusalFacts {
  /** The HTTP status; undefined where no answer came. */
  readonly status: number | undefined;
  /** The codes of the envelope's errors. */
  readonly apiCodes: readonly number[];
  /** Whether the same request may succeed later. */
  readonly retriable: boolean;
  /** Whether the request may have been carried out all the same. */
  readonly uncertain: boolean;
  /** How long Cloudflare wants us to wait. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** A failed request, with the facts that callers decide by; nobody decides by message text. */
export class CloudflareError extends SupervisorError {
  readonly status: number | undefined;
  readonly apiCodes: readonly number[];
  readonly retriable: boolean;
  readonly uncertain: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, facts: RefusalFacts) {
    super(code, message, facts.cause === undefined ? {} : { cause: facts.cause });
    this.status = facts.status;
    this.apiCodes = facts.apiCodes;
    this.retriable = facts.retriable;
    this.uncertain = facts.uncertain;
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** The token is known, and may not do this: as far as can be told, since 401 and 403 look alike with code 10000. */
export const isForbidden = (error: unknown): boolean =>
  error instanceof CloudflareError && (error.status === 403 || (error.status === 401 && error.apiCodes.includes(10_000)));

export const isGone = (error: unknown): boolean => error instanceof CloudflareError && error.status === 404;

/** A, AAAA or CNAME exists at this name (81053, 81054), or NS (81056), the very record exists (81057, 81058), or any conflict. */
export const isExistingRecord = (error: unknown): boolean =>
  error instanceof CloudflareError && (error.status === 409 || error.apiCodes.some((code) => [81_053, 81_054, 81_056, 81_057, 81_058].includes(code)));
