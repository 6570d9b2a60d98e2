import { findBinary, type Binary } from '../cloudflared/find.js';
import { isAtLeast } from '../cloudflared/version.js';
import { SupervisorError } from '../core/errors.js';
import { findRelease } from './find-release.js';
import { isAboutBinary, makeBinDirectory, USER_MODE, type InstallContext } from './install.js';
import { releasePlatform } from './platform.js';
import type { ReleaseRequest } from './release.js';
import { placeStaged, stageBinary, type StagedBinary, type StageOptions } from './stage-binary.js';

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

export interface FileUpgrade {
  readonly outcome: 'upgraded' | 'unchanged' | 'planned';
  readonly from: Binary | null;
  readonly to: Binary;
}

/**
 * Where no daemon serves: the newer one into the base directory.
 * @throws SupervisorError as `stageUpgrade`, and BINARY_NOT_OURS
 */
export async function upgradeInPlace(request: ReleaseRequest, dryRun: boolean, context: InstallContext): Promise<FileUpgrade> {
  const { paths, search, clock, http, signal, onProgress } = context;
  if (search.given !== undefined) throw new SupervisorError('BINARY_NOT_OURS', `${search.given} was named with --cloudflared, so it is not ours to replace.`);
  const current = await findBinary(search).catch((error: unknown) => {
    if (!isAboutBinary(error)) throw error;
    return undefined;
  });
  const unchanged = (): FileUpgrade => {
    if (current === undefined) throw new SupervisorError('BINARY_MISSING', 'There is no cloudflared, and none to take its place.');
    return { outcome: 'unchanged', from: current, to: current };
  };
  const options = { platform: releasePlatform(), directory: paths.binDir, http, env: search.env, clock, signal, ...(onProgress === undefined ? {} : { onProgress }) };
  if (dryRun) {
    const version = await findUpgrade(request, current, options);
    return version === undefined ? unchanged() : { outcome: 'planned', from: current ?? null, to: { path: paths.binary, version } };
  }
  await makeBinDirectory(context);
  const staged = await stageUpgrade(request, current, options);
  if (staged === undefined) return unchanged();
  await placeStaged(staged, paths.binary, USER_MODE);
  return { outcome: 'upgraded', from: current ?? null, to: { path: paths.binary, version: staged.version } };
}
