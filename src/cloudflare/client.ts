import type { Dispatcher } from 'undici';
import type { Clock, Random } from '../core/clock.js';
import type { Secret } from '../core/secret.js';
import { createRecordsApi, type RecordsApi } from './records.js';
import type { RequestBudget } from './request-budget.js';
import { createSender } from './send.js';
import { createTunnelsApi, type TunnelsApi } from './tunnels.js';
import { createZonesApi, type ZonesApi } from './zones.js';

export interface CloudflareClientOptions {
  /** With `/client/v4`; see `apiUrlOf`. */
  readonly apiUrl: string;
  /** The certificate's. */
  readonly token: Secret;
  /** With the proxy and the CA bundle of this machine. Asked with every request: keep the one that was made. */
  readonly dispatcher: () => Promise<Dispatcher>;
  readonly clock: Clock;
  readonly random?: Random;
  /** One for all clients of the process. */
  readonly budget: RequestBudget;
  readonly userAgent: string;
}

/**
 * Cloudflare's API as far as we use it. Every call takes a signal, its deadline: until then 429 (as long as
 * Retry-After says), 5xx, resets and time-outs are tried again. Failures are `CloudflareError`s, whose messages hold
 * no secret.
 */
export interface CloudflareClient {
  readonly zones: ZonesApi;
  readonly tunnelsOf: (accountId: string) => TunnelsApi;
  readonly records: RecordsApi;
}

export function createCloudflareClient(options: CloudflareClientOptions): CloudflareClient {
  const sender = createSender({ ...options, random: options.random ?? Math.random });
  return {
    zones: createZonesApi(sender),
    tunnelsOf: (accountId) => createTunnelsApi(sender, accountId),
    records: createRecordsApi(sender),
  };
}
