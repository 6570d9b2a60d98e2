import type { CloudflareClient } from './client.js';

/**
 * Clients whose token was refused an edit: among the thousand names of one change no request is spent on asking again.
 * The next change and the next check of drift ask anew: Cloudflare refuses by mistake too, rights of a token change, and
 * what is owed is tried then, as was promised.
 */
export interface ReadOnlyClients {
  has(client: CloudflareClient): boolean;
  add(client: CloudflareClient): void;
  forgetAll(): void;
}

export function createReadOnlyClients(): ReadOnlyClients {
  let refused = new WeakSet<CloudflareClient>();
  return {
    has: (client) => refused.has(client),
    add: (client) => void refused.add(client),
    forgetAll: () => {
      refused = new WeakSet();
    },
  };
}
