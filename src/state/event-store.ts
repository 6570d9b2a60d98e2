import { closeSync, existsSync, renameSync, writeSync } from 'node:fs';
import type { SupervisorEvent } from '../core/events.js';
import { openRegularToAppend } from '../host/regular-file.js';
import { inspectEventFile, openIfThere, readEvents } from './event-file.js';

export interface EventStoreOptions {
  /** `log/events.jsonl`; what is older stands in `log/events.1.jsonl`. */
  readonly path: string;
  /** How many events are kept at least, unless they are very large. */
  readonly keep?: number;
  /** Of each of the two files. */
  readonly maxBytes?: number;
}

/** Events on disk, numbered by who appends them. */
export interface EventStore {
  /** 0 where there is none. */
  newestSeq(): number;
  /** The oldest that is still kept; one more than the newest where there is none. */
  oldestSeq(): number;
  /** In the file when it returns, though not synced: a killed process loses nothing, a power loss the last seconds. Never throws. */
  append(event: SupervisorEvent): void;
  /** Those after `seq`, oldest first, as far as they were appended when the reading began. */
  readAfter(seq: number): AsyncIterable<SupervisorEvent>;
  /** How many could not be written (a full disk) since the start. */
  lost(): number;
  close(): void;
}

const KEPT_EVENTS = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;

/** What becomes of a full file. */
export const olderEventsPath = (path: string): string => path.replace(/(\.jsonl)?$/, '.1$1');

/**
 * Two files: when the newer one is full it becomes the older one, and what was that goes. So between one and two times
 * `keep` events stand on disk and nothing is ever rewritten.
 */
export function openEventStore({ path, keep = KEPT_EVENTS, maxBytes = MAX_BYTES }: EventStoreOptions): EventStore {
  const olderPath = olderEventsPath(path);
  let descriptor = openAppend(path);
  const newer = inspectEventFile(descriptor);
  let olderFirst = inspectOlder(olderPath);
  let first = newer.first;
  let newest = newer.last ?? olderFirst?.last ?? 0;
  let bytes = newer.bytes;
  let lost = 0;
  /** Of the login under way: only here is its URL kept, for who comes late. */
  let issued: SupervisorEvent | undefined;
  /** A write that broke off left half a line: the next one begins on a line of its own. */
  let torn = false;

  const rotate = (): void => {
    renameSync(path, olderPath);
    // Opened before the old one is closed: a number that is closed may be somebody else's file a moment later.
    const next = openOrGoBack(path, olderPath);
    closeSync(descriptor);
    descriptor = next;
    olderFirst = first === undefined ? olderFirst : { first, last: newest };
    first = undefined;
    bytes = 0;
    torn = false;
  };

  const write = (event: SupervisorEvent): void => {
    const line = Buffer.from(`${torn ? '\n' : ''}${JSON.stringify(withoutLoginUrl(event))}\n`);
    if (first !== undefined && (event.seq - first >= keep || bytes + line.length > maxBytes)) rotate();
    torn = true;
    for (let done = 0; done < line.length;) {
      const written = writeSync(descriptor, line, done);
      bytes += written;
      done += written;
    }
    torn = false;
    first ??= event.seq;
  };

  const oldestSeq = (): number => Math.max(olderFirst?.first ?? first ?? newest + 1, newest - keep + 1);

  return {
    newestSeq: () => newest,
    oldestSeq,
    append: (event) => {
      newest = event.seq;
      if (event.type === 'login.url-issued') issued = event;
      else if (ENDS_LOGIN.has(event.type)) issued = undefined;
      try {
        write(event);
      } catch {
        // Who reports an event must not fail for want of space; it has reached those who listen.
        lost += 1;
      }
    },
    readAfter: async function* (seq) {
      const after = Math.max(seq, oldestSeq() - 1);
      // The newer first: were it moved meanwhile, it would be read twice and not missed.
      const newerFile = await openIfThere(path);
      const olderFile = await openIfThere(olderPath);
      let last = after;
      try {
        for (const file of [olderFile, newerFile]) {
          if (file === undefined) continue;
          for await (const event of readEvents(file, last)) {
            last = event.seq;
            yield event.seq === issued?.seq ? issued : event;
          }
        }
      } finally {
        await newerFile?.close();
        await olderFile?.close();
      }
    },
    lost: () => lost,
    close: () => closeSync(descriptor),
  };
}

const ENDS_LOGIN: ReadonlySet<SupervisorEvent['type']> = new Set(['login.completed', 'setup.completed', 'setup.failed']);

/** Whoever has the URL of a login can fetch its certificate: it does not stay on disk. */
function withoutLoginUrl(event: SupervisorEvent): SupervisorEvent {
  return event.type === 'login.url-issued' ? { ...event, data: { ...event.data, url: '[redacted login URL]' } } : event;
}

function openOrGoBack(path: string, olderPath: string): number {
  try {
    return openAppend(path);
  } catch (error) {
    renameSync(olderPath, path);
    throw error;
  }
}

const openAppend = (path: string): number => openRegularToAppend(path, 'read-write');

function inspectOlder(path: string): { readonly first: number; readonly last: number } | undefined {
  if (!existsSync(path)) return undefined;
  const descriptor = openAppend(path);
  try {
    const { first, last } = inspectEventFile(descriptor);
    return first === undefined || last === undefined ? undefined : { first, last };
  } finally {
    closeSync(descriptor);
  }
}
