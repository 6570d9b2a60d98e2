import { chmod, rm } from 'node:fs/promises';
import type { Clock } from '../core/clock.js';
import { SupervisorError } from '../core/errors.js';
import { renameDurably, toStorageError } from '../host/atomic-file.js';
import { download, type Downloaded, type DownloadProgress } from './download.js';
import { findRelease } from './find-release.js';
import { describeMachine, type Platform } from './platform.js';
import { readProgramKind } from './program-header.js';
import { show, type ReleaseHttp } from './release-http.js';
import type { Release, ReleaseRequest } from './release.js';
import { withRetries } from './retries.js';
import { runOnce } from './run-once.js';
import { discardStagingFile, openStagingFile } from './staging-file.js';

/** A cloudflared that is proven, and not yet in its place. */
export interface StagedBinary {
  readonly path: string;
  readonly version: string;
  readonly sha256: string;
  /** Where it came from, and who said what it should be; for people. */
  readonly source: string;
  readonly checksumFrom: string | null;
}

export interface StageOptions {
  readonly platform: Platform;
  /** Where it is to go in the end. */
  readonly directory: string;
  readonly http: ReleaseHttp;
  /** What it is run with. */
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly onProgress?: (progress: DownloadProgress & { readonly version: string | undefined }) => void;
  /** Asked before anything is downloaded: false leaves it at that. */
  readonly wants?: (release: Release) => boolean;
  readonly signal: AbortSignal;
}

/**
 * find → download → look at it → compare its SHA-256 → run it once. Whatever fails, nothing of it is left. Undefined where
 * `wants` did not want it.
 * @throws SupervisorError RELEASE_*, DOWNLOAD_*, CHECKSUM_*, BINARY_*, DISK_FULL, STORAGE_*
 */
export async function stageBinary(request: ReleaseRequest, options: StageOptions): Promise<StagedBinary | undefined> {
  const { platform, http, signal, clock } = options;
  const release = await findRelease(request, platform, http, signal);
  if (options.wants?.(release) === false) return undefined;
  const file = await openStagingFile(options.directory);
  try {
    const onProgress = (progress: DownloadProgress): void => options.onProgress?.({ version: release.version, ...progress });
    const downloaded = await withRetries(clock, signal, async () => await download(release.url, file, http, onProgress, signal));
    refuseOther(downloaded, release, platform);
    refuseChanged(downloaded, release);
    await seal(file);
    const { version } = await runOnce(file.path, options.env);
    if (release.version !== undefined && version !== release.version) throw new SupervisorError('RELEASE_MISMATCH', `${show(release.url)} says that it is cloudflared ${version}, and should be ${release.version}.`);
    return { path: file.path, version, sha256: downloaded.sha256, source: show(release.url), checksumFrom: release.checksums.map(({ source }) => source).join(', ') || null };
  } catch (error) {
    await discardStagingFile(file);
    throw error;
  }
}

/** Before its sum is compared: what came instead says more than that it is not the same. */
function refuseOther({ head, bytes }: Downloaded, { url }: Release, { elfMachine, arch }: Platform): void {
  const found = readProgramKind(head);
  switch (found.kind) {
    case 'script': return;
    case 'elf':
      if (bytes < found.neededBytes) throw new SupervisorError('DOWNLOAD_INCOMPLETE', `${show(url)} has ${bytes} bytes of a program that has at least ${found.neededBytes}.`);
      if (found.machine !== elfMachine) throw new SupervisorError('BINARY_WRONG_CPU', `${show(url)} is a program for ${describeMachine(found.machine)}; this machine is ${arch}.`);
      return;
    case 'foreign-program': throw new SupervisorError('BINARY_WRONG_CPU', `${show(url)} is a program for another operating system.`);
    case 'empty': throw new SupervisorError('DOWNLOAD_INCOMPLETE', `${show(url)} is empty.`);
    case 'web-page': throw new SupervisorError('DOWNLOAD_NOT_PROGRAM', `${show(url)} is a web page, and no program.`);
    case 'unknown': throw new SupervisorError('DOWNLOAD_NOT_PROGRAM', `${show(url)} is no program.`);
  }
}

function refuseChanged({ sha256 }: Downloaded, { url, checksums }: Release): void {
  if (checksums.length === 0 && url.protocol !== 'file:') throw new SupervisorError('CHECKSUM_MISSING', `Nobody says which SHA-256 ${show(url)} should have; it has ${sha256}.`);
  const other = checksums.find((published) => published.sha256 !== sha256);
  if (other !== undefined) throw new SupervisorError('CHECKSUM_MISMATCH', `${show(url)} has the SHA-256 ${sha256}, and ${other.source} says ${other.sha256}.`);
}

/** On disk, executable (by anybody, since root tries it as nobody), and no longer open: a program cannot be run while it is. */
async function seal({ path, handle }: { readonly path: string; readonly handle: { chmod(mode: number): Promise<void>; sync(): Promise<void>; close(): Promise<void> } }): Promise<void> {
  try {
    await handle.chmod(0o755);
    await handle.sync();
    await handle.close();
  } catch (error) {
    throw toStorageError(error, path);
  }
}

/** Puts it into its place, in the same directory: at once, and whatever was there until then is gone. */
export async function placeStaged(staged: StagedBinary, target: string, mode: number): Promise<void> {
  try {
    await chmod(staged.path, mode);
    await renameDurably(staged.path, target);
  } catch (error) {
    await discardStaged(staged);
    throw toStorageError(error, target);
  }
}

export async function discardStaged({ path }: StagedBinary): Promise<void> {
  await rm(path, { force: true });
}
