import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../core/clock.js';
import type { Warning } from '../core/dns.js';
import { SupervisorError } from '../core/errors.js';
import { candidatePaths, findBinary, inspectBinary, lookAtBinary, type Binary, type BinarySearch } from '../cloudflared/find.js';
import { toStorageError } from '../host/atomic-file.js';
import { createPrivateDirectory } from '../host/base-directory.js';
import type { BasePaths } from '../host/base-paths.js';
import type { Environment } from '../host/child-environment.js';
import type { Identity } from '../host/identity.js';
import { findRelease } from './find-release.js';
import { placeInSystem, SYSTEM_BINARY } from './place-in-system.js';
import { releasePlatform } from './platform.js';
import { show, type ReleaseHttp } from './release-http.js';
import type { ReleaseRequest } from './release.js';
import { placeStaged, stageBinary, type StagedBinary, type StageOptions } from './stage-binary.js';

export interface InstallRequest extends ReleaseRequest {
  /** `user`: the base directory, which needs no rights. `system`: /usr/local/bin. Undefined: wherever it is found, else `user`. */
  readonly to?: 'user' | 'system' | undefined;
  /** Ask for the release, say what would be done, and change nothing. */
  readonly dryRun?: boolean;
}

export interface InstallContext {
  readonly paths: BasePaths;
  readonly identity: Pick<Identity, 'uid' | 'name'>;
  readonly search: BinarySearch;
  /** Our own: its PATH is where sudo is looked for. */
  readonly env: Environment;
  readonly http: ReleaseHttp;
  readonly clock: Clock;
  readonly onProgress?: NonNullable<StageOptions['onProgress']>;
  readonly signal: AbortSignal;
  /** For tests; else SYSTEM_BINARY. */
  readonly systemBinary?: string;
}

export interface InstallReport {
  /** `found`: what is there will do, and nothing was changed. */
  readonly outcome: 'found' | 'installed' | 'planned';
  readonly path: string;
  /** Of a plan for a file that was named: not known before it is run. */
  readonly version: string | null;
  /** What was in the same place before. */
  readonly previousVersion: string | null;
  readonly sha256: string | null;
  readonly source: string | null;
  /** Who said what the SHA-256 should be. */
  readonly checksumFrom: string | null;
  readonly warnings: readonly Warning[];
}

/**
 * Makes sure that there is a cloudflared of the wanted version in the wanted place. What is there stays until another
 * one is proven.
 * @throws SupervisorError RELEASE_*, DOWNLOAD_*, CHECKSUM_*, BINARY_*, PRIVILEGE_*, DISK_FULL, STORAGE_*
 */
export async function installBinary(request: InstallRequest, context: InstallContext): Promise<InstallReport> {
  const found = await findFitting(request, context);
  if (found !== undefined) return { outcome: 'found', ...found, previousVersion: found.version, ...UNASKED, warnings: [] };
  const target = targetOf(request, context);
  const previousVersion = await versionOf(target, context.search);
  if (request.dryRun === true) return { outcome: 'planned', path: target, previousVersion, ...await describeRelease(request, context), warnings: whatGoesBefore(target, context) };
  const { staged, place } = request.to === 'system' ? await stageForSystem(request, target, context) : await stageForUser(request, target, context);
  const warnings = await place();
  const { version, sha256, source, checksumFrom } = staged;
  return { outcome: 'installed', path: target, version, previousVersion, sha256, source, checksumFrom, warnings: [...warnings, ...whatGoesBefore(target, context)] };
}

const UNASKED = { sha256: null, source: null, checksumFrom: null } as const;

async function describeRelease(request: InstallRequest, { http, signal }: InstallContext): Promise<Pick<InstallReport, 'version' | 'sha256' | 'source' | 'checksumFrom'>> {
  const { version, url, checksums } = await findRelease(request, releasePlatform(), http, signal);
  return { version: version ?? null, source: show(url), sha256: checksums[0]?.sha256 ?? null, checksumFrom: checksums[0]?.source ?? null };
}

const targetOf = ({ to }: InstallRequest, { paths, systemBinary = SYSTEM_BINARY }: InstallContext): string => (to === 'system' ? systemBinary : paths.binary);

/** A file that was named is installed, whatever is there. */
async function findFitting({ from, to, version }: InstallRequest, context: InstallContext): Promise<Binary | undefined> {
  if (from !== undefined) return undefined;
  const { search } = context;
  const fits = (binary: Binary): boolean => version === undefined || binary.version === version;
  if (to !== undefined) {
    const there = await inspectBinary(targetOf({ to }, context), search.env);
    return there instanceof SupervisorError || !fits(there) ? undefined : there;
  }
  try {
    const found = await findBinary(search);
    return fits(found) ? found : undefined;
  } catch (error) {
    // One that was named is that one or none: another in another place would not be used.
    if (search.given !== undefined || !isAboutBinary(error)) throw error;
    return undefined;
  }
}

/** There is none, or none that will do: what an install puts right. */
export const isAboutBinary = (error: unknown): boolean =>
  error instanceof SupervisorError && (error.code === 'BINARY_MISSING' || error.code === 'BINARY_UNUSABLE' || error.code === 'BINARY_TOO_OLD');

async function versionOf(path: string, { env }: BinarySearch): Promise<string | null> {
  const there = await inspectBinary(path, env);
  return there instanceof SupervisorError ? null : there.version;
}

interface Placing {
  readonly staged: StagedBinary;
  readonly place: () => Promise<readonly Warning[]>;
}

/** Nobody but the user needs it, and nobody else sees into that directory. */
export const USER_MODE = 0o700;
const SYSTEM_MODE = 0o755;

async function stageForUser(request: InstallRequest, target: string, context: InstallContext): Promise<Placing> {
  await makeBinDirectory(context);
  const staged = await stage(request, dirname(target), context);
  return { staged, place: async () => {
    await placeStaged(staged, target, USER_MODE);
    return [];
  } };
}

/** Root stages it where it is to be; anybody else in their own directory, from where root takes it. */
async function stageForSystem(request: InstallRequest, target: string, context: InstallContext): Promise<Placing> {
  if (process.geteuid?.() === 0) {
    const directory = dirname(target);
    await mkdir(directory, { recursive: true, mode: 0o755 }).catch((error: unknown) => { throw toStorageError(error, directory, 'create'); });
    const staged = await stage(request, directory, context);
    return { staged, place: async () => {
      await placeStaged(staged, target, SYSTEM_MODE);
      return [];
    } };
  }
  await makeBinDirectory(context);
  const staged = await stage(request, context.paths.binDir, context);
  return { staged, place: async () => await placeInSystem(staged, target, context.env) };
}

export async function makeBinDirectory({ paths, identity }: Pick<InstallContext, 'paths' | 'identity'>): Promise<void> {
  for (const directory of [paths.baseDir, paths.binDir]) await createPrivateDirectory(directory, identity);
}

async function stage(request: InstallRequest, directory: string, { http, search, clock, signal, onProgress }: InstallContext): Promise<StagedBinary> {
  const staged = await stageBinary(request, { platform: releasePlatform(), directory, http, env: search.env, clock, signal, ...(onProgress === undefined ? {} : { onProgress }) });
  if (staged === undefined) throw new SupervisorError('INTERNAL_FAULT', 'A binary was staged that nobody wanted.');
  return staged;
}

/** Another cloudflared that is used instead of the one that was just put in place. */
function whatGoesBefore(target: string, { search }: InstallContext): readonly Warning[] {
  const first = candidatePaths(search).find((path) => path === target || lookAtBinary(path) === undefined);
  if (first === undefined || first === target) return [];
  return [{ code: 'BINARY_SHADOWED', message: `${first} goes before it, and is what is run.` }];
}
