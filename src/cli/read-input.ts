import { readFile } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import { text as readStream } from 'node:stream/consumers';

/** Names of standard input. Opened by them it would be opened anew, which the system refuses where it is a socket. */
const STANDARD_INPUT: ReadonlySet<string> = new Set(['-', '/dev/stdin', '/dev/fd/0', '/proc/self/fd/0']);

/** The text of a file that somebody names on the command line, or of standard input. @throws the signal's reason */
export async function readInput(file: string, signal: AbortSignal): Promise<string> {
  try {
    return STANDARD_INPUT.has(file) ? await readStream(addAbortSignal(signal, process.stdin)) : await readFile(file, { encoding: 'utf8', signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
