import { SupervisorError } from '../core/errors.js';
import { findChecksum } from './checksums.js';
import type { Platform } from './platform.js';
import { isReleaseVersion, type Release } from './release.js';
import { show, type ReleaseHttp } from './release-http.js';

/**
 * A mirror is a directory behind any web server, laid out as GitHub's downloads are, with `sha256sum`'s output beside:
 *
 *     <mirror>/latest                                  one line: the newest version
 *     <mirror>/<version>/cloudflared-linux-amd64       and the other files of the release
 *     <mirror>/<version>/SHA256SUMS                    `sha256sum cloudflared-*`
 *
 * @throws SupervisorError RELEASE_*, CHECKSUM_MISSING
 */
export async function findInMirror(mirror: URL, version: string | undefined, { asset }: Platform, http: ReleaseHttp, signal: AbortSignal): Promise<Release> {
  const wanted = version ?? (await readLatest(mirror, http, signal));
  const sums = below(mirror, wanted, 'SHA256SUMS');
  const text = await http.readText(sums, signal);
  if (text === undefined) throw new SupervisorError('RELEASE_UNKNOWN', `The mirror has no ${show(sums)}.`, { hint: 'Look for the version in the mirror; each has a SHA256SUMS beside its files.' });
  const sha256 = findChecksum(text, asset);
  if (sha256 === undefined) throw new SupervisorError('CHECKSUM_MISSING', `${show(sums)} has no SHA-256 of ${asset}.`, { hint: 'Write it with `sha256sum cloudflared-* > SHA256SUMS`.' });
  return { version: wanted, url: below(mirror, wanted, asset), checksums: [{ sha256, source: show(sums) }] };
}

async function readLatest(mirror: URL, http: ReleaseHttp, signal: AbortSignal): Promise<string> {
  const url = below(mirror, 'latest');
  const text = await http.readText(url, signal);
  if (text === undefined) throw new SupervisorError('RELEASE_UNKNOWN', `The mirror has no ${show(url)}.`, { hint: 'Name a version with --version, or put the newest one into that file.' });
  const version = text.trim();
  if (!isReleaseVersion(version)) throw new SupervisorError('RELEASE_UNEXPECTED', `${show(url)} holds no version, but ${JSON.stringify(version.slice(0, 60))}.`);
  return version;
}

/** The query of a mirror's URL stays: some need a token in it. */
function below(mirror: URL, ...names: readonly string[]): URL {
  const url = new URL(mirror);
  url.pathname = [url.pathname.replace(/\/+$/, ''), ...names].join('/');
  return url;
}
