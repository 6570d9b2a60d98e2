import type { FaultScript, FaultTiming } from '../fault-script.js';
import { matchesPath } from './path-pattern.js';

/** Scripted trouble of the API. */
export type ApiFault =
  /** Refused before anything happens; `code` and `message` are Cloudflare's usual ones for that status unless given. */
  | { readonly kind: 'status'; readonly status: number; readonly code?: number | undefined; readonly message?: string | undefined; readonly retryAfterS?: number | undefined }
  /** As always, but later. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** Nothing happens, and no answer comes until the client gives up. */
  | { readonly kind: 'hang' }
  /** The connection is reset before anything happens. */
  | { readonly kind: 'refuse' }
  /** The change is made, and the connection is reset instead of an answer. */
  | { readonly kind: 'cut-off' }
  /** The change is made, and half of the answer arrives. */
  | { readonly kind: 'truncate' }
  /** A web page instead of JSON, as a proxy or a captive portal sends it (200 unless given); nothing happens. */
  | { readonly kind: 'html'; readonly status?: number | undefined };

export interface ApiFaultRule extends FaultTiming {
  readonly fault: ApiFault;
  /** Any method unless given. */
  readonly method?: string | undefined;
  /** Below `/client/v4/`, see path-pattern.ts; any path unless given. */
  readonly path?: string | undefined;
}

/** The fault that this request meets. */
export const takeApiFault = (faults: FaultScript<ApiFaultRule>, method: string, path: string): ApiFault | undefined => faults.take((rule) =>
  (rule.method === undefined || rule.method === method) && (rule.path === undefined || matchesPath(rule.path, path)))?.fault;
