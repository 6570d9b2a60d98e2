import { isAbsolute, join, resolve } from 'node:path';
import { SupervisorError } from '../core/errors.js';
import { isMissing, toStorageError, writeFileAtomic } from './atomic-file.js';
import { basePaths, type BasePaths } from './base-paths.js';
import type { Environment } from './child-environment.js';
import type { Identity } from './identity.js';
import { readRegularText } from './regular-file.js';

/** Where everything is. `run` decides it and writes it down; everybody else reads it. */
export interface Places {
  readonly baseDir: string;
  /** Portacode's state files. */
  readonly stateDir: string;
  /** The control socket. */
  readonly socket: string;
  readonly paths: BasePaths;
}

/** As given with flags or variables; relative ones count from the working directory. */
export interface PlaceOptions {
  readonly baseDir?: string | undefined;
  readonly stateDir?: string | undefined;
  readonly socket?: string | undefined;
}

export interface PlaceRequest {
  readonly identity: Pick<Identity, 'home' | 'chosenBy' | 'uid'>;
  readonly options: PlaceOptions;
  readonly env: Environment;
}

/** The kernel's name of a unix socket has 108 bytes, the last one zero. Node binds a longer one cut off, and says nothing. */
export const SOCKET_PATH_BYTES = 107;

const SCHEMA_VERSION = 1;

/**
 * For `run`. Pure.
 * @throws SupervisorError PATH_TOO_LONG, IDENTITY_UNKNOWN
 */
export function decidePlaces({ identity, options, env }: PlaceRequest): Places {
  const baseDir = decideBaseDir(identity, options);
  const stateDir = options.stateDir === undefined ? join(decideConfigHome(identity, env), 'portacode') : resolve(options.stateDir);
  return toPlaces(baseDir, stateDir, options.socket);
}

/** For `run`, under the lock: what every other command goes by. */
export async function recordPlaces({ paths, stateDir, socket }: Places): Promise<void> {
  await writeFileAtomic(paths.pathsJson, `${JSON.stringify({ schemaVersion: SCHEMA_VERSION, stateDir, socket }, null, 2)}\n`);
}

/**
 * For every command but `run`: what was recorded, whatever XDG says here. Before the first `run` it is what `run`
 * would decide. Options that are given win.
 * @throws SupervisorError PATH_TOO_LONG, IDENTITY_UNKNOWN, DOCUMENT_CORRUPT, DOCUMENT_NEWER, STORAGE_*
 */
export async function readPlaces(request: PlaceRequest): Promise<Places> {
  const { identity, options } = request;
  const baseDir = decideBaseDir(identity, options);
  const recorded = await readRecord(basePaths(baseDir).pathsJson);
  if (recorded === undefined) return decidePlaces(request);
  return toPlaces(baseDir, options.stateDir === undefined ? recorded.stateDir : resolve(options.stateDir), options.socket ?? recorded.socket);
}

function toPlaces(baseDir: string, stateDir: string, socketOption: string | undefined): Places {
  const paths = basePaths(baseDir);
  const socket = socketOption === undefined ? paths.controlSocket : resolve(socketOption);
  const bytes = Buffer.byteLength(socket);
  if (bytes > SOCKET_PATH_BYTES)
    throw new SupervisorError('PATH_TOO_LONG', `the socket path ${socket} has ${bytes} bytes; a unix socket takes ${SOCKET_PATH_BYTES}`);
  return { baseDir, stateDir, socket, paths };
}

function decideBaseDir(identity: PlaceRequest['identity'], options: PlaceOptions): string {
  return options.baseDir === undefined ? join(homeOf(identity, '--base-dir'), '.cloudflared', 'supervisor') : resolve(options.baseDir);
}

/** XDG_CONFIG_HOME belongs to whoever set it: it counts where this process is the service user by itself, and is absolute. */
function decideConfigHome(identity: PlaceRequest['identity'], env: Environment): string {
  const xdg = env['XDG_CONFIG_HOME'];
  if (identity.chosenBy === 'process' && xdg !== undefined && isAbsolute(xdg)) return xdg;
  return join(homeOf(identity, '--state-dir'), '.config');
}

function homeOf(identity: PlaceRequest['identity'], option: string): string {
  if (identity.home !== undefined) return identity.home;
  throw new SupervisorError('IDENTITY_UNKNOWN', `uid ${identity.uid} has no entry in the passwd database, so ${option} is required`);
}

async function readRecord(file: string): Promise<{ readonly stateDir: string; readonly socket: string } | undefined> {
  let text: string;
  try {
    text = await readRegularText(file);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw toStorageError(error, file, 'read');
  }
  const record = parseRecord(text);
  if (record === undefined) throw new SupervisorError('DOCUMENT_CORRUPT', `${file} is not what \`run\` writes`, { hint: 'Start the daemon again: it writes the file anew.' });
  if (record.schemaVersion > SCHEMA_VERSION) throw new SupervisorError('DOCUMENT_NEWER', `${file} was written by a newer version of this program`);
  return record;
}

/** By hand and not with a schema library: every short command reads this file, and loading one would double its time. */
function parseRecord(text: string): { readonly schemaVersion: number; readonly stateDir: string; readonly socket: string } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const { schemaVersion, stateDir, socket } = value as Record<string, unknown>;
    if (typeof schemaVersion !== 'number' || typeof stateDir !== 'string' || typeof socket !== 'string') return undefined;
    return isAbsolute(stateDir) && isAbsolute(socket) ? { schemaVersion, stateDir, socket } : undefined;
  } catch {
    return undefined; // Not JSON: said by the caller, who knows the file.
  }
}
