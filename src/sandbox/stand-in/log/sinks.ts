import { mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isatty } from 'node:tty';
import process from 'node:process';

import { formatAsJson, formatForFile, formatForPeople } from './format.js';
import type { Sink } from './logger.js';

const STANDARD_ERROR = 2;
const FULL_PIPE_PAUSE_MS = 5;

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');

/** A Go program dies of SIGPIPE when it writes to a standard stream that nobody reads; Node ignores the signal unless told. */
function dieOfBrokenPipe(): never {
  const restoreDefault = (): void => undefined;
  process.on('SIGPIPE', restoreDefault);
  process.off('SIGPIPE', restoreDefault);
  process.kill(process.pid, 'SIGPIPE');
  process.exit(2);
}

/** Writes all of it before it returns. */
export function writeStandardError(text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(STANDARD_ERROR, rest));
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EPIPE') dieOfBrokenPipe();
      if (code !== 'EAGAIN') return;
      // A pipe that is full and was opened without blocking: a Go program would block here as well.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_PAUSE_MS);
    }
  }
}

export function consoleSink(format: 'text' | 'json'): Sink {
  const isColoured = isatty(STANDARD_ERROR);
  return (event) => writeStandardError(format === 'json' ? formatAsJson(event) : formatForPeople(event, isColoured));
}

/** Appends to the file, and makes it and its directory where they are missing. Throws what the system says. */
export function fileSink(path: string, mode = 0o644): Sink {
  mkdirSync(dirname(path), { recursive: true, mode: 0o744 });
  const descriptor = openSync(path, 'a', mode);
  return (event) => {
    try {
      writeSync(descriptor, formatForFile(event));
    } catch (error) {
      // A log that cannot be written (full disk) must not end what runs; the console still has the line.
      if (codeOf(error) === '') throw error;
    }
  };
}

/** `--log-directory`: the real program also rotates this file at 1 MB; the stand-in only appends. */
export const directorySink = (directory: string): Sink => fileSink(join(directory, 'cloudflared.log'), 0o600);
