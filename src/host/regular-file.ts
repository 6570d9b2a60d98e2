import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { SupervisorError } from '../core/errors.js';
import { errnoOf, toStorageError } from './storage-error.js';

/** Far above anything that we write: a revision of ten thousand rules has 20 MB. */
const LARGEST_BYTES = 256 * 1024 * 1024;

/** Our own `code`, beside those of the system. */
const NOT_A_FILE = 'ENOTFILE';

/**
 * The content of a file of ours, and of nothing else that stands in its place: a FIFO would hold its reader, and one of
 * the few threads that all files are read by, for ever; a device might never end.
 */
export async function readRegularFile(path: string): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    mustBeFile(await file.stat());
    return await file.readFile();
  } finally {
    await file.close();
  }
}

export const readRegularText = async (path: string): Promise<string> => (await readRegularFile(path)).toString('utf8');

/** For the few that are read before there is anybody else to wait. */
export function readRegularTextSync(path: string): string {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    mustBeFile(fstatSync(descriptor));
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

/**
 * For appending, and for reading too where it is asked for; made where it is not there. A FIFO would take a little and
 * then hold this whole process.
 * @throws SupervisorError STORAGE_*, DISK_FULL, DESCRIPTORS_EXHAUSTED
 */
export function openRegularToAppend(path: string, access: 'write' | 'read-write' = 'write'): number {
  const { O_APPEND, O_CREAT, O_NONBLOCK, O_RDWR, O_WRONLY } = constants;
  let descriptor: number;
  try {
    descriptor = openSync(path, (access === 'write' ? O_WRONLY : O_RDWR) | O_APPEND | O_CREAT | O_NONBLOCK, 0o600);
  } catch (error) {
    if (isNoFile(error) || errnoOf(error) === 'EISDIR') throw inTheWay(path, error);
    throw toStorageError(error, path, 'open');
  }
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  throw inTheWay(path);
}

const inTheWay = (path: string, cause?: unknown): SupervisorError => new SupervisorError('STORAGE_FAILED', `${path} is there and is not a file`, { cause, hint: 'Move it out of the way.' });

function mustBeFile(about: Stats): void {
  if (!about.isFile()) throw notAFile('it is not a file');
  if (about.size > LARGEST_BYTES) throw notAFile(`it is larger than ${LARGEST_BYTES} bytes`);
}

/** What stands there can never be read as a file: a directory, a FIFO, a socket, a link to itself, something endless. */
export const isNoFile = (error: unknown): boolean => [NOT_A_FILE, 'ENXIO', 'ELOOP'].includes(errnoOf(error) ?? '');

const notAFile = (problem: string): Error => Object.assign(new Error(problem), { code: NOT_A_FILE });
