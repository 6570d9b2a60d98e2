import type { Clock } from '../core/clock.js';
import type { DownloadProgress } from './download.js';

export type ReleaseProgress = DownloadProgress & { readonly version: string | undefined };

/** For people: `cloudflared 2026.8.2: 12 of 38 MB`. */
export function describeProgress({ version, receivedBytes, totalBytes }: ReleaseProgress): string {
  const inMegabytes = (bytes: number): string => (bytes / 1_000_000).toFixed(0);
  const name = version === undefined ? 'cloudflared' : `cloudflared ${version}`;
  return totalBytes === undefined ? `${name}: ${inMegabytes(receivedBytes)} MB` : `${name}: ${inMegabytes(receivedBytes)} of ${inMegabytes(totalBytes)} MB`;
}

/** Passes on the first, then one in `everyMs` at most, and the last where its size was known. */
export function sparsely(clock: Clock, everyMs: number, report: (progress: ReleaseProgress) => void): (progress: ReleaseProgress) => void {
  let nextAt = Number.NEGATIVE_INFINITY;
  return (progress) => {
    const now = clock.monotonic();
    if (now < nextAt && progress.receivedBytes !== progress.totalBytes) return;
    nextAt = now + everyMs;
    report(progress);
  };
}
