import { readFile } from 'node:fs/promises';
import type { Clock } from '../core/clock.js';
import { toSupervisorError } from '../core/errors.js';
import type { Emit, EventData } from '../core/events.js';
import type { Revision } from '../core/revision.js';
import type { ForwardingWriter } from '../forwarding/writer.js';
import type { Copies, RevisionStore } from '../forwarding/ports.js';
import type { BasePaths } from '../host/base-paths.js';
import type { Copy, CopyHashes } from '../state/copy-hashes.js';
import { setAside } from '../state/set-aside.js';
import { readConfigCopy } from './read-config-copy.js';

/** One file that is a copy of the revision, for people and other programs. */
export interface CopySource {
  readonly path: string;
  render(revision: Revision): Promise<Copy>;
  /** What somebody made of it, as rules to apply; throws what is wrong with it. */
  readRules(content: string, current: Revision): Promise<readonly unknown[]>;
}

/** `config.yml`: the very file that the connector runs on. */
export function createConfigCopy(paths: BasePaths): CopySource {
  return {
    path: paths.configYml,
    render: async ({ revision }) => ({ path: paths.configYml, content: await readFile(paths.revisionYml(revision), 'utf8') }),
    readRules: readConfigCopy,
  };
}

export interface CopiesParts {
  readonly sources: readonly CopySource[];
  readonly hashes: CopyHashes;
  readonly revisions: Pick<RevisionStore, 'current'>;
  readonly emit: Emit;
  readonly clock: Clock;
}

export interface KeptCopies extends Copies {
  /**
   * At start: one that somebody edited while nobody looked is a new desired state if it is valid, and is set aside
   * otherwise. One that is missing or behind is written anew.
   */
  takeIn(current: Revision | undefined, writer: Pick<ForwardingWriter, 'submit'>): Promise<void>;
  /** Nothing is published any more. */
  remove(remove: (path: string) => Promise<void>): Promise<void>;
}

interface TakenIn {
  /** It has to be written anew. */
  readonly behind: boolean;
  readonly told?: EventData['copy.edited'];
}

export function createCopies({ sources, hashes, revisions, emit, clock }: CopiesParts): KeptCopies {
  const writeAll = async (revision: Revision): Promise<void> => {
    await hashes.write(await Promise.all(sources.map((source) => source.render(revision))), revision.revision);
  };

  const takeInOne = async (source: CopySource, current: Revision | undefined, writer: Pick<ForwardingWriter, 'submit'>): Promise<TakenIn> => {
    const state = await hashes.check(source.path);
    if (state.kind === 'current') return { behind: false };
    if (state.kind === 'missing' || state.kind === 'stale') return { behind: true };
    try {
      if (current === undefined) throw new Error('nothing is published that it could be a copy of');
      const rules = await source.readRules(state.content, current);
      const { outcome } = await writer.submit({ kind: 'replace', rules, keepSetAside: true }, { reason: 'copy-edited' });
      const message = outcome === 'applied' ? 'What was changed in it is published now.' : 'It says the same as before.';
      return { behind: outcome !== 'applied', told: { file: source.path, outcome: 'applied', message } };
    } catch (error) {
      const aside = await setAside(source.path, 'edited', clock.now());
      const message = `${toSupervisorError(error).message}. It stands beside it as ${aside ?? 'nothing: it is gone'}.`;
      return { behind: true, told: { file: source.path, outcome: 'set-aside', message } };
    }
  };

  return {
    write: async (revision) => {
      await writeAll(revision);
      return [];
    },
    takeIn: async (current, writer) => {
      const taken: TakenIn[] = [];
      for (const source of sources) taken.push(await takeInOne(source, current, writer));
      const now = current === undefined ? undefined : (revisions.current() ?? current);
      if (now !== undefined && taken.some(({ behind }) => behind)) await writeAll(now);
      for (const { told } of taken) if (told !== undefined) emit('copy.edited', told);
    },
    remove: async (remove) => {
      for (const { path } of sources) await remove(path);
      await hashes.forget(sources.map(({ path }) => path));
    },
  };
}
