import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { SupervisorError } from '../core/errors.js';
import { SYSTEM_PATH } from '../host/child-environment.js';
import { runProgram, type ProgramResult } from '../host/run-program.js';
import { errnoOf } from '../host/storage-error.js';
import { isAtLeast, MINIMUM_VERSION, parseVersion } from './version.js';

/** A cloudflared that runs and is new enough. */
export interface Binary {
  /** Absolute. */
  readonly path: string;
  readonly version: string;
}

export interface BinarySearch {
  /** `--cloudflared`: this one or none. */
  readonly given: string | undefined;
  /** `<base>/bin/cloudflared`: there because we, or somebody, put it there on purpose; so it goes before PATH. */
  readonly own: string;
  /** The variable PATH. */
  readonly path: string | undefined;
  /** What it is run with. */
  readonly env: Readonly<Record<string, string>>;
}

export const VERSION_TIMEOUT_MS = 10_000;

/** Files that would be used, in order; whether they exist or not. */
export function candidatePaths({ given, own, path }: BinarySearch): readonly string[] {
  if (given !== undefined) return [given];
  const directories = (path === undefined || path === '' ? SYSTEM_PATH : path).split(delimiter).filter((directory) => isAbsolute(directory));
  return [...new Set([own, ...directories.map((directory) => join(directory, 'cloudflared'))])];
}

/**
 * The first candidate that runs and is new enough.
 * @throws SupervisorError BINARY_MISSING, BINARY_UNUSABLE or BINARY_TOO_OLD: of the first file that is there at all.
 */
export async function findBinary(search: BinarySearch): Promise<Binary> {
  let first: SupervisorError | undefined;
  for (const path of candidatePaths(search)) {
    const found = await inspectBinary(path, search.env);
    if (!(found instanceof SupervisorError)) return found;
    if (found.code !== 'BINARY_MISSING') first ??= found;
  }
  throw first ?? (search.given === undefined ? new SupervisorError('BINARY_MISSING', `There is no cloudflared in ${search.own} or on PATH.`) : nothingAt(search.given));
}

/** Of a file that was named, unlike one of a directory of PATH, it is told whether it is missing or hidden. */
function nothingAt(path: string): SupervisorError {
  try {
    statSync(path);
  } catch (error) {
    if (errnoOf(error) === 'EACCES') return new SupervisorError('STORAGE_FORBIDDEN', `${path} cannot be seen by this user: a directory on the way to it is closed to them.`, { cause: error });
  }
  return new SupervisorError('BINARY_MISSING', `There is no file ${path}.`);
}

/** Looks at one file and runs its `--version`. */
export async function inspectBinary(path: string, env: Readonly<Record<string, string>>): Promise<Binary | SupervisorError> {
  const wrong = lookAtBinary(path);
  if (wrong !== undefined) return wrong;
  return judgeVersionRun(path, await runProgram([path, '--version'], { env, timeoutMs: VERSION_TIMEOUT_MS }));
}

/** What a run of `--version` says of the program. */
export function judgeVersionRun(path: string, result: ProgramResult): Binary | SupervisorError {
  const unusable = (reason: string): SupervisorError => new SupervisorError('BINARY_UNUSABLE', `${path} ${reason}`);
  if (result.startError !== undefined) {
    return ['EAGAIN', 'ENOMEM'].includes(result.startError)
      ? new SupervisorError('PROCESS_LIMIT', `${path} cannot be started: ${result.startError}.`)
      : unusable(`cannot be executed: ${result.startError}.`);
  }
  if (result.timedOut) return unusable(`did not answer --version within ${VERSION_TIMEOUT_MS / 1_000} s.`);
  const version = parseVersion(result.stdout);
  if (result.exitCode !== 0 || version === undefined) {
    const said = `${result.stdout}\n${result.stderr}`.trim().split('\n')[0] ?? '';
    return unusable(`is not a cloudflared that runs here: --version ${result.signal === undefined ? `exited with ${String(result.exitCode)}` : `died of ${result.signal}`}, saying ${JSON.stringify(said.slice(0, 200))}.`);
  }
  if (!isAtLeast(version, MINIMUM_VERSION)) {
    return new SupervisorError('BINARY_TOO_OLD', `${path} is version ${version}; ${MINIMUM_VERSION} or newer is needed.`);
  }
  return { path, version };
}

/** What can be seen without running it. */
export function lookAtBinary(path: string): SupervisorError | undefined {
  const isFile = lookAtFile(path);
  if (isFile === undefined) return new SupervisorError('BINARY_MISSING', `There is no file ${path} that this user could see.`);
  if (!isFile) return new SupervisorError('BINARY_UNUSABLE', `${path} is not a file.`);
  try {
    accessSync(path, constants.X_OK);
    return undefined;
  } catch (error) {
    return new SupervisorError('BINARY_UNUSABLE', `${path} cannot be executed by this user: ${String(errnoOf(error))}.`, { cause: error });
  }
}

/** Undefined where there is nothing; also behind a directory of PATH that this user may not read. */
function lookAtFile(path: string): boolean | undefined {
  try {
    return statSync(path).isFile();
  } catch {
    return undefined;
  }
}

/** Finds once, and again only when the file that was found, or one that goes before it, is not the same any more. */
export function createBinaryFinder(search: BinarySearch): { find(): Promise<Binary> } {
  let found: { readonly binary: Binary; readonly marks: string } | undefined;
  const marksUpTo = (path: string): string => {
    const candidates = candidatePaths(search);
    return candidates.slice(0, candidates.indexOf(path) + 1).map(markOf).join(' ');
  };
  return {
    find: async () => {
      if (found !== undefined && found.marks === marksUpTo(found.binary.path)) return found.binary;
      found = undefined;
      const binary = await findBinary(search);
      found = { binary, marks: marksUpTo(binary.path) };
      return binary;
    },
  };
}

/** Changes when the file does; `absent` where there is none. */
export function markOf(path: string): string {
  try {
    const stat = statSync(path, { bigint: true });
    return `${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.mode}`;
  } catch {
    return 'absent'; // Or not to be seen, which is the same to us.
  }
}
