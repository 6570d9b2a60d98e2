/** What of a rule decides when cloudflared tries it. */
export interface Rank {
  readonly wildcard: boolean;
  readonly labels: number;
  readonly pathLength: number;
}

/** Name and path are normalized. */
export function rankRule({ hostname, path }: { readonly hostname: string; readonly path?: string | undefined }): Rank {
  const wildcard = hostname.startsWith('*.');
  return { wildcard, labels: wildcard ? hostname.split('.').length : 0, pathLength: path?.length ?? 0 };
}

/**
 * Exact names before wildcards, longer paths before shorter, else as stored (the sort is stable). Of two wildcards the
 * narrower goes first: cloudflared's `*.example.com` matches names of any depth, also those of `*.a.example.com`.
 */
export function compareRanks(a: Rank, b: Rank): number {
  if (a.wildcard !== b.wildcard) return a.wildcard ? 1 : -1;
  return b.labels - a.labels || b.pathLength - a.pathLength;
}
