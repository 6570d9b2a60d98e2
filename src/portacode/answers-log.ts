import { constants } from 'node:fs';
import { appendFile, open, type FileHandle } from 'node:fs/promises';
import type { Clock } from '../core/clock.js';
import { isMissing, writeFileAtomic } from '../host/atomic-file.js';
import type { PortacodeEvent } from './events.js';
import { isObject, parseObject } from './json.js';

/** Answers by request, so that one that is asked again, after whatever was lost, gets what it got before. */
export interface AnswersLog {
  find(key: string): Promise<readonly PortacodeEvent[] | undefined>;
  /** On disk when it resolves. Where it cannot be, nothing is remembered. Never rejects. */
  add(key: string, events: readonly PortacodeEvent[]): Promise<void>;
}

export interface AnswersLogOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly keepMs?: number;
  readonly maxBytes?: number;
}

const KEPT_MS = 24 * 3_600_000;
/** An answer about ten thousand rules has two megabytes. */
const MAX_BYTES = 64 * 1024 * 1024;

interface Place {
  readonly at: number;
  readonly offset: number;
  readonly length: number;
}

/**
 * One line an answer, appended; where each is stands in memory, what it says does not. What is a day old is left out when
 * the file is written anew: at the first use, and when it has grown too large.
 */
export function openAnswersLog({ path, clock, keepMs = KEPT_MS, maxBytes = MAX_BYTES }: AnswersLogOptions): AnswersLog {
  let places = new Map<string, Place>();
  let size = 0;
  let last: Promise<unknown> = Promise.resolve();
  let opened = false;

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work, work);
    last = turn.catch(() => undefined); // the one who asked has it
    return turn;
  };
  const isFresh = ({ at }: Place): boolean => clock.now() - at < keepMs;

  const index = async (): Promise<void> => {
    places = new Map();
    const file = await openIfThere(path);
    if (file === undefined) {
      size = 0;
      return;
    }
    try {
      let offset = 0;
      for await (const line of file.readLines({ autoClose: false })) {
        const length = Buffer.byteLength(line);
        const record = parseRecord(line);
        // Put last again: the order is that of age.
        if (record !== undefined) {
          places.delete(record.key);
          places.set(record.key, { at: record.at, offset, length });
        }
        offset += length + 1;
      }
      size = (await file.stat()).size;
    } finally {
      await file.close();
    }
  };

  /** Leaves out what is old; and the oldest, where what is left fills more than half. */
  const compact = async (): Promise<void> => {
    const kept: string[] = [];
    let bytes = 0;
    for (const [, place] of [...places].toReversed()) {
      if (!isFresh(place) || bytes + place.length > maxBytes / 2) continue;
      const line = await readLine(path, place);
      if (line === undefined) continue;
      kept.push(line);
      bytes += place.length + 1;
    }
    await writeFileAtomic(path, kept.toReversed().map((line) => `${line}\n`).join(''));
    await index();
  };

  const ready = async (): Promise<void> => {
    if (opened) return;
    await index();
    // A line that a kill cut off must not swallow the next one.
    const isTorn = size > 0 && !(await endsWithNewline(path, size));
    if (isTorn || [...places.values()].some((place) => !isFresh(place))) await compact();
    opened = true;
  };

  return {
    find: (key) =>
      inTurn(async () => {
        await ready();
        const place = places.get(key);
        if (place === undefined || !isFresh(place)) return undefined;
        const line = await readLine(path, place);
        return line === undefined ? undefined : parseRecord(line)?.events;
      }).catch(() => undefined), // a disk that cannot be read remembers nothing
    add: (key, events) =>
      inTurn(async () => {
        await ready();
        const at = clock.now();
        const line = toLine({ at, key, events });
        const length = Buffer.byteLength(line);
        if (size + length + 1 > maxBytes) await compact();
        await appendFile(path, `${line}\n`, { mode: 0o600, flush: true });
        places.delete(key);
        places.set(key, { at, offset: size, length });
        size += length + 1;
      }).catch(() => {
        opened = false; // a full disk: what was written half is looked at again
      }),
  };
}

interface AnswerRecord {
  readonly at: number;
  readonly key: string;
  readonly events: readonly PortacodeEvent[];
}

/** Two characters that JSON leaves as they are end a line for who reads lines. */
const toLine = (record: AnswerRecord): string => JSON.stringify(record).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');

function parseRecord(line: string): AnswerRecord | undefined {
  const { at, key, events } = parseObject(line) ?? {};
  if (typeof at !== 'number' || typeof key !== 'string' || !Array.isArray(events)) return undefined;
  return { at, key, events: events.filter(isEvent) };
}

const isEvent = (value: unknown): value is PortacodeEvent => isObject(value) && typeof value['event'] === 'string';

async function readLine(path: string, { offset, length }: Place): Promise<string | undefined> {
  const file = await openIfThere(path);
  if (file === undefined) return undefined;
  try {
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await file.read(buffer, 0, length, offset);
    return bytesRead === length ? buffer.toString() : undefined;
  } finally {
    await file.close();
  }
}

async function endsWithNewline(path: string, size: number): Promise<boolean> {
  return (await readLine(path, { at: 0, offset: size - 1, length: 1 })) === '\n';
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  // A FIFO would hold its reader, and its writer, for ever.
  throw new Error(`${path} is not a file`);
}
