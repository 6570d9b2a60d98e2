import { findChecksum } from './checksums.js';
import { findInMirror } from './mirror.js';
import type { Platform } from './platform.js';
import { findPublished } from './published.js';
import { checkVersion, type PublishedChecksum, type Release, type ReleaseRequest } from './release.js';
import { show, type ReleaseHttp } from './release-http.js';

/**
 * Which file is to be used, and what its SHA-256 should be. Downloads nothing but what is said about it.
 * @throws SupervisorError RELEASE_*, CHECKSUM_MISSING, OPTION_INVALID, BINARY_TOO_OLD
 */
export async function findRelease({ version, mirror, from, sha256 }: ReleaseRequest, platform: Platform, http: ReleaseHttp, signal: AbortSignal): Promise<Release> {
  if (version !== undefined) checkVersion(version);
  const known: readonly PublishedChecksum[] = sha256 === undefined ? [] : [{ sha256, source: '--sha256' }];
  if (from !== undefined) return { version, url: from, checksums: known.length > 0 ? known : await findBeside(from, http, signal) };
  const release = mirror === undefined ? await findPublished(version, platform, http, signal) : await findInMirror(mirror, version, platform, http, signal);
  if (release.version !== undefined) checkVersion(release.version);
  return { ...release, checksums: [...release.checksums, ...known] };
}

/**
 * What a server says of a file that was named: `<file>.sha256` beside it, or SHA256SUMS in its directory. A server that
 * fails has not said anything; why it fails is told by the download itself.
 */
async function findBeside(from: URL, http: ReleaseHttp, signal: AbortSignal): Promise<readonly PublishedChecksum[]> {
  if (from.protocol === 'file:') return [];
  const name = from.pathname.split('/').at(-1) ?? '';
  try {
    for (const beside of [`${name}.sha256`, 'SHA256SUMS']) {
      const url = new URL(from);
      url.pathname = [...from.pathname.split('/').slice(0, -1), beside].join('/');
      const sha256 = findChecksum((await http.readText(url, signal)) ?? '', decodeURIComponent(name));
      if (sha256 !== undefined) return [{ sha256, source: show(url) }];
    }
  } catch {
    signal.throwIfAborted();
  }
  return [];
}
