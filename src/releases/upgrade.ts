import { isAtLeast } from '../cloudflared/version.js';
import type { Binary } from '../cloudflared/find.js';
import { findRelease } from './find-release.js';
import type { ReleaseRequest } from './release.js';
import { stageBinary, type StagedBinary, type StageOptions } from './stage-binary.js';

/**
 * A newer cloudflared than this one, or the version that was asked for, proven and not yet in place. Undefined where there
 * is nothing newer.
 * @throws SupervisorError RELEASE_*, DOWNLOAD_*, CHECKSUM_*, BINARY_*, DISK_FULL, STORAGE_*
 */
export async function stageUpgrade(request: ReleaseRequest, current: Binary | undefined, options: Omit<StageOptions, 'wants'>): Promise<StagedBinary | undefined> {
  return await stageBinary(request, { ...options, wants: ({ version }) => isUpgrade(current?.version, version, request.version !== undefined) });
}

/** A version that was asked for may be an older one; the newest is wanted only where it is newer. */
export function isUpgrade(current: string | undefined, offered: string | undefined, asked: boolean): boolean {
  if (current === undefined || offered === undefined) return true;
  return asked ? current !== offered : !isAtLeast(current, offered);
}

/** The version that `stageUpgrade` would stage: for a plan. */
export async function findUpgrade(request: ReleaseRequest, current: Binary | undefined, { platform, http, signal }: Pick<StageOptions, 'platform' | 'http' | 'signal'>): Promise<string | undefined> {
  const { version } = await findRelease(request, platform, http, signal);
  return version !== undefined && isUpgrade(current?.version, version, request.version !== undefined) ? version : undefined;
}
