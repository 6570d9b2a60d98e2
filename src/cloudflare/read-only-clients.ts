import type { Clock } from '../core/clock.js';
import type { CloudflareClient } from './client.js';

/** So long one refused edit stands for the next: Cloudflare refuses by mistake too, and rights of a token change. */
export const READ_ONLY_MS = 120_000;

/** Clients whose token was refused an edit a moment ago: no request is spent on asking again at once. */
export interface ReadOnlyClients {
  has(client: CloudflareClient): boolean;
  add(client: CloudflareClient): void;
  /** A check of drift asks anew: what is owed is tried then, as was promised. */
  forgetAll(): void;
}

export function createReadOnlyClients({ monotonic }: Pick<Clock, 'monotonic'>): ReadOnlyClients {
  let refusedAt = new WeakMap<CloudflareClient, number>();
  return {
    has: (client) => monotonic() - (refusedAt.get(client) ?? Number.NEGATIVE_INFINITY) < READ_ONLY_MS,
    add: (client) => void refusedAt.set(client, monotonic()),
    forgetAll: () => {
      refusedAt = new WeakMap();
    },
  };
}
