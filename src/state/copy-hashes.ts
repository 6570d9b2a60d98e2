import { z } from 'zod';
import type { Emit } from '../core/events.js';
import { isMissing, toStorageError, writeFilesAtomic } from '../host/atomic-file.js';
import type { BasePaths } from '../host/base-paths.js';
import { readRegularText } from '../host/regular-file.js';
import { createDocument } from './document.js';
import { sha256 } from './hash.js';

const copy = z.looseObject({ hash: z.string(), previousHash: z.string().nullable(), revision: z.number().int().nullable() });
const schema = z.looseObject({ copies: z.record(z.string(), copy) });

type RecordedCopy = z.output<typeof copy>;

export interface Copy {
  readonly path: string;
  readonly content: string;
  readonly mode?: number;
}

/** What became of a copy since we wrote it. */
export type CopyState =
  | { readonly kind: 'unknown'; /** There is a file, and it is not ours. */ readonly content: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'current' }
  /** Ours, of the revision before: we were killed before we wrote the new one. */
  | { readonly kind: 'stale' }
  /** Somebody else wrote it: a new desired state, if it is valid. */
  | { readonly kind: 'edited'; readonly content: string };

/** `config.yml` and Portacode's files are copies of the revision; `copies.json` knows the hash of each that we wrote. */
export interface CopyHashes {
  /** `revision`: of which they are copies; null where of none. Written only where they differ from what is there. */
  write(copies: readonly Copy[], revision: number | null): Promise<void>;
  check(path: string): Promise<CopyState>;
  /** Which copies we ever wrote. */
  list(): readonly string[];
  /** No copies of ours any more (`disconnect`, another state directory). */
  forget(paths: readonly string[]): Promise<void>;
}

export async function openCopyHashes(paths: BasePaths, emit: Emit): Promise<CopyHashes> {
  const document = createDocument<{ copies: Record<string, RecordedCopy> }>({ path: paths.copiesDocument, schema, version: 1, emit });
  let copies = new Map(Object.entries((await document.read())?.copies ?? {}));

  /** One after another: each begins with what the one before knows. */
  let last: Promise<void> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => (last = last.then(work, work));

  const record = async (next: Map<string, RecordedCopy>): Promise<void> => {
    await document.write({ copies: Object.fromEntries(next) });
    copies = next;
  };

  return {
    write: (wanted, revision) => inTurn(async () => {
      const next = new Map(copies);
      const differing: Copy[] = [];
      for (const one of wanted) {
        const standing = await readIfThere(one.path);
        if (standing !== one.content) differing.push(one);
        // What is overwritten stays known: killed between here and the file, it is our own and no edit.
        next.set(one.path, { hash: sha256(one.content), previousHash: standing === undefined ? null : sha256(standing), revision });
      }
      await record(next);
      await writeFilesAtomic(differing.map(({ path, content, mode }) => ({ path, data: content, ...(mode === undefined ? {} : { mode }) })));
    }),
    check: async (path) => {
      const known = copies.get(path);
      const content = await readIfThere(path);
      if (content === undefined) return { kind: 'missing' };
      if (known === undefined) return { kind: 'unknown', content };
      const hash = sha256(content);
      if (hash === known.hash) return { kind: 'current' };
      return hash === known.previousHash ? { kind: 'stale' } : { kind: 'edited', content };
    },
    list: () => [...copies.keys()],
    forget: (gone) => inTurn(async () => {
      const next = new Map(copies);
      for (const path of gone) next.delete(path);
      if (next.size !== copies.size) await record(next);
    }),
  };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readRegularText(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw toStorageError(error, path, 'read');
  }
}
