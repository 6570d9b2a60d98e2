import { readdir, rm } from 'node:fs/promises';
import { systemClock, type Clock } from '../core/clock.js';
import { SupervisorError } from '../core/errors.js';
import type { Emit } from '../core/events.js';
import type { Revision } from '../core/revision.js';
import type { RevisionStore } from '../forwarding/ports.js';
import { isMissing, syncDirectory, toStorageError, writeFileAtomic } from '../host/atomic-file.js';
import type { BasePaths } from '../host/base-paths.js';
import { isNoFile, readRegularText } from '../host/regular-file.js';
import { sha256 } from './hash.js';
import { createCurrentDocument, createRevisionDocument, type RevisionRecord } from './revision-document.js';
import { setAside } from './set-aside.js';

/** How many committed revisions are kept, the current one among them. */
const KEPT_REVISIONS = 10;

/**
 * `revisions/N.json` and `N.yml`, never changed once written, and `current.json`, which says which one is committed. A
 * number is never given twice, not even after what had it was taken back: logs and processes still name it.
 */
export async function openRevisionStore(paths: BasePaths, emit: Emit, clock: Clock = systemClock): Promise<RevisionStore> {
  const pointer = createCurrentDocument(paths.currentDocument, emit);
  const recorded = await pointer.read();
  let highest = Math.max(recorded?.lastNumber ?? 0, ...(await listNumbers(paths)));
  let current: Revision | undefined;
  /** Just written and not read back: that would cost as much as the writing. */
  let written: Revision | undefined;

  const load = async (revision: number): Promise<Revision | undefined> => {
    const record = await createRevisionDocument(paths.revisionJson(revision), emit).read();
    if (record === undefined) return undefined;
    await restoreConfig(paths, revision, record, emit, clock);
    return record.revision;
  };

  const point = async (revision: number | null): Promise<void> => pointer.write({ revision, lastNumber: highest });

  const prune = async (newest: number, inUse: readonly number[]): Promise<void> => {
    const numbers = (await listNumbers(paths)).filter((number) => number <= newest).sort((a, b) => b - a);
    for (const number of numbers.slice(KEPT_REVISIONS)) if (!inUse.includes(number)) await removeFiles(paths, number);
  };

  current = recorded?.revision === null || recorded === undefined ? undefined : await load(recorded.revision);

  return {
    current: () => current,
    read: async (revision) => (written?.revision === revision ? written : load(revision)),
    list: async () => {
      if (current === undefined) return [];
      const newest = current.revision;
      const numbers = (await listNumbers(paths)).filter((number) => number <= newest).sort((a, b) => b - a);
      const revisions = await Promise.all(numbers.map(load));
      return revisions.filter((revision) => revision !== undefined);
    },
    nextNumber: () => highest + 1,
    write: async (revision, yaml) => {
      if (sha256(yaml) !== revision.configHash) throw new SupervisorError('INTERNAL_FAULT', `revision ${revision.revision} does not carry the hash of its config`);
      highest = Math.max(highest, revision.revision);
      await Promise.all([
        writeFileAtomic(paths.revisionYml(revision.revision), yaml),
        createRevisionDocument(paths.revisionJson(revision.revision), emit).write({ revision, config: yaml }),
      ]);
      written = revision;
    },
    remove: async (revision) => {
      // Before the files that show that the number was used.
      const taken = current?.revision === revision;
      if (taken || revision === highest) await point(taken ? null : (current?.revision ?? null));
      if (taken) current = undefined;
      written = undefined;
      await removeFiles(paths, revision);
      await syncDirectory(paths.revisionsDir);
    },
    commit: async (revision, inUse) => {
      const committed = written?.revision === revision ? written : await load(revision);
      if (committed === undefined) throw new SupervisorError('REVISION_UNKNOWN', `there is no revision ${revision} to commit`);
      await point(revision);
      current = committed;
      written = undefined;
      // Old ones that cannot be removed now take a little space until the next commit.
      await prune(revision, inUse).catch(() => undefined);
    },
  };
}

/** Newest first is made by the callers. */
async function listNumbers(paths: BasePaths): Promise<number[]> {
  try {
    const names = await readdir(paths.revisionsDir);
    const numbers = names.flatMap((name) => /^([1-9]\d*)\.(?:json|yml)$/.exec(name)?.[1] ?? []).map(Number);
    return [...new Set(numbers)];
  } catch (error) {
    if (isMissing(error)) return [];
    throw toStorageError(error, paths.revisionsDir, 'read');
  }
}

/** A connector reads this file: it must be what the revision says, and not what a person or a disk made of it. */
async function restoreConfig(paths: BasePaths, revision: number, record: RevisionRecord, emit: Emit, clock: Clock): Promise<void> {
  const path = paths.revisionYml(revision);
  const text = await readRegularText(path).catch((error: unknown) => {
    if (isMissing(error) || isNoFile(error)) return undefined;
    throw toStorageError(error, path, 'read');
  });
  if (text !== undefined && sha256(text) === record.revision.configHash) return;
  const aside = await setAside(path, 'corrupt', clock.now());
  await writeFileAtomic(path, record.config);
  emit('document.restored', { file: path, setAsideAs: aside ?? '', problem: text === undefined ? 'it is gone, or not a file' : 'it is not what the revision says' });
}

/** The JSON goes before the YAML: what is left of a kill in between is no revision any more. */
async function removeFiles(paths: BasePaths, revision: number): Promise<void> {
  try {
    const json = paths.revisionJson(revision);
    for (const path of [`${json}.good`, json, paths.revisionYml(revision)]) await rm(path, { force: true, recursive: true });
  } catch (error) {
    throw toStorageError(error, paths.revisionsDir, 'remove from');
  }
}
