/** What `cloudflared --version` says, and which version can do what. */

/** The first whose `run` writes its log as JSON (`--output json`), which we read. */
export const MINIMUM_VERSION = '2025.6.1';
/** The first that knows `--no-prechecks`; an older one shows its help and exits with 0. */
const NO_PRECHECKS_SINCE = '2026.5.0';

/** `2026.8.2` of `cloudflared version 2026.8.2 (built 2026-08-21T00:00UTC)`; `DEV` for builds without one. */
export function parseVersion(text: string): string | undefined {
  return /^cloudflared version (\S+)(?: \(|\s*$)/m.exec(text)?.[1];
}

/** Builds without a number (`DEV`) are somebody's own, and taken for new. */
export function isAtLeast(version: string, minimum: string): boolean {
  const has = numbersOf(version);
  const wants = numbersOf(minimum) ?? [];
  if (has === undefined) return true;
  const index = wants.findIndex((wanted, position) => (has[position] ?? 0) !== wanted);
  return index === -1 || (has[index] ?? 0) > (wants[index] ?? 0);
}

export const knowsNoPrechecks = (version: string): boolean => isAtLeast(version, NO_PRECHECKS_SINCE);

const numbersOf = (version: string): readonly number[] | undefined =>
  /^\d+(?:\.\d+)+/.exec(version)?.[0].split('.').map(Number);
