import type { AnswerOf } from '../api/answers.js';
import type { BinarySearch } from '../cloudflared/find.js';
import type { Environment } from '../host/child-environment.js';
import type { Identity } from '../host/identity.js';
import type { LockHolder } from '../host/lock-holder.js';
import type { Places } from '../host/places.js';

/** Whom and what doctor looks at. It is read by now as the service user sees it. */
export interface DoctorScope {
  readonly identity: Identity;
  readonly places: Places;
  readonly environment: Environment;
  readonly search: BinarySearch;
  /** As the daemon has, or would have, it. */
  readonly apiUrl: string | undefined;
  readonly edge: readonly string[];
  readonly version: string;
  /** Undefined where no daemon answers. */
  readonly status: AnswerOf<'status'> | undefined;
  readonly lockHolder: LockHolder | undefined;
  /** Whoever asked does not wait any more. */
  readonly signal?: AbortSignal;
}
