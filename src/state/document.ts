import type { ZodType } from 'zod';
import { systemClock, type Clock } from '../core/clock.js';
import { SupervisorError } from '../core/errors.js';
import type { Emit } from '../core/events.js';
import { isMissing, removeDurably, toStorageError, writeFilesAtomic } from '../host/atomic-file.js';
import { isNoFile, readRegularText } from '../host/regular-file.js';
import { setAside } from './set-aside.js';

export interface DocumentOptions<T extends object> {
  readonly path: string;
  /** A loose object schema preserves fields that we do not know. */
  readonly schema: ZodType<T>;
  /** Of this program; a file of a higher one is refused, one of a lower one goes through `migrate`. */
  readonly version: number;
  readonly migrate?: (value: Readonly<Record<string, unknown>>, version: number) => unknown;
  /** What stands in the file, where that is not the value itself: secrets in clear. The schema reads it back. */
  readonly encode?: (value: T) => object;
  readonly emit: Emit;
  readonly mode?: number;
  readonly clock?: Clock;
}

/**
 * One value in one JSON file: put in place whole and on disk when a write resolves, with its version in it and a copy
 * beside it (`<name>.good`). A file that cannot be read as what it should be is set aside (`<name>.corrupt-<time>`)
 * and the copy used; an event says so.
 */
export interface Document<T extends object> {
  readonly path: string;
  /**
   * Undefined where there is none, or both it and its copy are corrupt.
   * @throws SupervisorError DOCUMENT_NEWER, STORAGE_*, DESCRIPTORS_EXHAUSTED
   */
  read(): Promise<T | undefined>;
  /** One after another, in the order of the calls. @throws SupervisorError DISK_FULL, STORAGE_*, … and the old one stays. */
  write(value: T): Promise<void>;
  /** Idempotent. */
  remove(): Promise<void>;
}

type Loaded<T> =
  | { readonly kind: 'absent' }
  | { readonly kind: 'valid'; readonly value: T; readonly text: string }
  | { readonly kind: 'corrupt'; readonly problem: string };

export function createDocument<T extends object>(options: DocumentOptions<T>): Document<T> {
  const { path, mode = 0o600, emit, clock = systemClock, encode = same } = options;
  const goodPath = `${path}.good`;
  let last: Promise<unknown> = Promise.resolve();

  /** Reads and writes of one document never overlap. */
  const inTurn = async <R>(work: () => Promise<R>): Promise<R> => {
    const turn = last.then(work, work);
    last = turn.catch(ignore);
    return turn;
  };

  const put = async (text: string): Promise<void> => writeFilesAtomic([{ path, data: text, mode }, { path: goodPath, data: text, mode }]);

  const readBoth = async (): Promise<T | undefined> => {
    const main = await load(path, options);
    const good = await load(goodPath, options);
    if (main.kind === 'valid') {
      // The copy is behind after a kill between the two writes.
      if (good.kind !== 'valid' || good.text !== main.text) await repair(async () => put(main.text));
      return main.value;
    }
    if (main.kind === 'absent' && good.kind === 'absent') return undefined;
    const problem = main.kind === 'corrupt' ? main.problem : 'it is gone';
    const aside = main.kind === 'corrupt' ? await moveAside(path, clock) : undefined;
    if (good.kind === 'valid') {
      await repair(async () => put(good.text));
      emit('document.restored', { file: path, setAsideAs: aside ?? '', problem });
      return good.value;
    }
    if (good.kind === 'corrupt') await moveAside(goodPath, clock);
    emit('document.restored', { file: path, setAsideAs: aside ?? '', problem: `${problem}; there is no good copy of it, so it begins anew` });
    return undefined;
  };

  return {
    path,
    read: async () => inTurn(readBoth),
    write: async (value) => inTurn(async () => put(toText(encode(value), options.version))),
    remove: async () => inTurn(async () => {
      // The copy first: alone it would be taken for the rest of a lost document.
      await removeDurably(goodPath);
      await removeDurably(path);
    }),
  };
}

const same = (value: object): object => value;

const toText = (value: object, version: number): string => `${JSON.stringify({ schemaVersion: version, ...value }, null, 2)}\n`;

async function load<T extends object>(path: string, options: DocumentOptions<T>): Promise<Loaded<T>> {
  let text: string;
  try {
    text = await readRegularText(path);
  } catch (error) {
    if (isMissing(error)) return { kind: 'absent' };
    if (isNoFile(error)) return { kind: 'corrupt', problem: 'it is not a file' };
    // Not ours to read, no descriptors, a broken disk: that says nothing about what is in it.
    throw toStorageError(error, path, 'read');
  }
  return parse(text, path, options);
}

function parse<T extends object>(text: string, path: string, { schema, version, migrate }: DocumentOptions<T>): Loaded<T> {
  const json = parseJson(text);
  if (json === undefined) return { kind: 'corrupt', problem: 'it is not JSON' };
  const { schemaVersion, ...value } = json;
  if (typeof schemaVersion !== 'number') return { kind: 'corrupt', problem: 'it has no schemaVersion' };
  if (schemaVersion > version) throw new SupervisorError('DOCUMENT_NEWER', `${path} has schema version ${schemaVersion}; this program knows ${version}`);
  const parsed = schema.safeParse(schemaVersion < version && migrate !== undefined ? migrate(value, schemaVersion) : value);
  if (parsed.success) return { kind: 'valid', value: parsed.data, text };
  const [issue] = parsed.error.issues;
  return { kind: 'corrupt', problem: issue === undefined ? 'it does not fit its schema' : `${issue.path.map(String).join('.')}: ${issue.message}` };
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** What ran goes on running from a full or read-only disk: what is known is used though it cannot be put right now. */
async function repair(work: () => Promise<void>): Promise<void> {
  await work().catch(ignore);
}

async function moveAside(path: string, clock: Clock): Promise<string | undefined> {
  return setAside(path, 'corrupt', clock.now()).catch(() => undefined);
}

function ignore(): void {
  // The caller has the failure, or the next read tries again.
}
