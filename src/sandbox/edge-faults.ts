import type { RegistrationRequest, RegistrationVerdict } from './edge/ports.js';
import type { FaultScript, FaultTiming } from './fault-script.js';
import type { Tunnels } from './world/tunnels.js';

/** Scripted trouble when a connector registers a connection. For connectors that do not get so far see the edge's dial mode. */
export type EdgeFault =
  /** `cause` is what cloudflared prints; one that begins with `Unauthorized` makes it try for ever, any other on its first connection ends it. */
  | { readonly kind: 'reject'; readonly cause: string; readonly retryAfterMs?: number | undefined }
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** The registration is never answered. */
  | { readonly kind: 'silence' };

export interface EdgeFaultRule extends FaultTiming {
  readonly fault: EdgeFault;
  /** Any tunnel unless given. */
  readonly tunnelId?: string | undefined;
  /** Any of a connector's connections unless given. */
  readonly connIndex?: number | undefined;
}

/** Lets in whoever has the secret of a tunnel that exists, unless a scripted fault stands in the way. */
export function createAuthorize(tunnels: Tunnels, faults: FaultScript<EdgeFaultRule>): (request: RegistrationRequest) => Promise<RegistrationVerdict> {
  return async (request) => {
    const fault = faults.take((rule) => fits(rule, request))?.fault;
    if (fault?.kind === 'reject') return reject(fault.cause, fault.retryAfterMs);
    if (fault?.kind === 'silence') await new Promise(() => undefined);
    if (fault?.kind === 'slow') await new Promise((resolve) => setTimeout(resolve, fault.delayMs).unref());
    const reason = tunnels.reasonToRefuse(request);
    return reason === undefined ? { kind: 'accept' } : reject(reason);
  };
}

const fits = (rule: EdgeFaultRule, request: RegistrationRequest): boolean =>
  (rule.tunnelId === undefined || rule.tunnelId === request.tunnelId) && (rule.connIndex === undefined || rule.connIndex === request.connIndex);

const reject = (cause: string, retryAfterMs?: number): RegistrationVerdict => ({ kind: 'reject', cause, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
