import { fstatSync, ftruncateSync, readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { SupervisorEvent } from '../core/events.js';
import { isMissing, toStorageError } from '../host/storage-error.js';

const CHUNK_BYTES = 65_536;

/** Which events a file holds; both undefined where none. */
export interface EventRange {
  readonly first: number | undefined;
  readonly last: number | undefined;
  readonly bytes: number;
}

/** Cuts off what a killed process wrote half, and finds the first and the last event without reading what is between. */
export function inspectEventFile(descriptor: number): EventRange {
  const { size } = fstatSync(descriptor);
  const bytes = findLastNewline(descriptor, size) + 1;
  if (bytes < size) ftruncateSync(descriptor, bytes);
  let last: number | undefined;
  for (let end = bytes; end > 0 && last === undefined;) {
    const start = findLastNewline(descriptor, end - 1) + 1;
    last = readSeq(descriptor, start);
    end = start;
  }
  return { first: last === undefined ? undefined : (readSeq(descriptor, 0) ?? last), last, bytes };
}

/** The offset of the last newline before `end`; -1 where there is none. */
function findLastNewline(descriptor: number, end: number): number {
  for (let to = end; to > 0; to -= CHUNK_BYTES) {
    const from = Math.max(0, to - CHUNK_BYTES);
    const found = read(descriptor, from, to - from).lastIndexOf(0x0a);
    if (found >= 0) return from + found;
  }
  return -1;
}

/** Every line begins with its number: we write them so. */
const SEQ = /^\{"seq":(\d{1,15}),/;

function readSeq(descriptor: number, offset: number): number | undefined {
  const seq = SEQ.exec(read(descriptor, offset, 32).toString('latin1'))?.[1];
  return seq === undefined ? undefined : Number(seq);
}

function read(descriptor: number, offset: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, readSync(descriptor, buffer, 0, length, offset));
}

/** Those after `seq`, as far as they stand in the file now. A line that is broken is passed over. */
export async function* readEvents(file: FileHandle, after: number): AsyncGenerator<SupervisorEvent> {
  const { size } = await file.stat();
  if (size === 0) return;
  for await (const line of file.readLines({ start: 0, end: size - 1, autoClose: false })) {
    const seq = SEQ.exec(line)?.[1];
    if (seq === undefined || Number(seq) <= after) continue;
    const event = parseEvent(line);
    if (event !== undefined) yield event;
  }
}

/** Our own lines, in a directory of our own: what is checked is that they are whole. */
function parseEvent(line: string): SupervisorEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const whole = typeof value === 'object' && value !== null && 'at' in value && 'type' in value && 'data' in value;
    return whole ? (value as SupervisorEvent) : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined where there is no such file. */
export async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw toStorageError(error, path, 'read');
  }
}
