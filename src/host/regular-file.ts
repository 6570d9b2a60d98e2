import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { errnoOf } from './storage-error.js';

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

function mustBeFile(about: Stats): void {
  if (!about.isFile()) throw notAFile('it is not a file');
  if (about.size > LARGEST_BYTES) throw notAFile(`it is larger than ${LARGEST_BYTES} bytes`);
}

/** What stands there can never be read as a file: a directory, a FIFO, a socket, a link to itself, something endless. */
export const isNoFile = (error: unknown): boolean => [NOT_A_FILE, 'ENXIO', 'ELOOP'].includes(errnoOf(error) ?? '');

const notAFile = (problem: string): Error => Object.assign(new Error(problem), { code: NOT_A_FILE });
