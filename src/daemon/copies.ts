import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../core/clock.js';
import type { Warning } from '../core/dns.js';
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
  /** What is to be written, the file itself first; nothing where nothing is to be said. */
  render(revision: Revision): Promise<readonly Copy[]>;
  /** What somebody made of it, as rules to apply; throws what is wrong with it. */
  readRules(content: string, current: Revision): Promise<readonly unknown[]>;
  /** Another program writes it too: while nothing is published it is that program's alone. */
  readonly isShared?: boolean;
  /** Sets aside what nobody can read, and puts back what was there before. Absent: it is set aside and written anew. */
  mend?(): Promise<void>;
  /** It says nothing of a tunnel, and so stays when there is none any more. */
  readonly staysWithoutTunnel?: boolean;
}

/** `config.yml`: the very file that the connector runs on. */
export function createConfigCopy(paths: BasePaths): CopySource {
  return {
    path: paths.configYml,
    render: async ({ revision }) => [{ path: paths.configYml, content: await readFile(paths.revisionYml(revision), 'utf8') }],
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
  let hasFailed = false;
  const fail = (error: unknown): Warning => {
    const { code, message } = toSupervisorError(error);
    hasFailed = true;
    emit('copy.failed', { code, message });
    return { code, message };
  };

  /** One directory after the other: where one cannot be written, the others are all the same. */
  const writeAll = async (revision: Revision): Promise<readonly Warning[]> => {
    const warnings: Warning[] = [];
    for (const group of byDirectory(sources)) {
      try {
        await hashes.write((await Promise.all(group.map((source) => source.render(revision)))).flat(), revision.revision);
      } catch (error) {
        warnings.push(fail(error));
      }
    }
    if (hasFailed && warnings.length === 0) {
      hasFailed = false;
      emit('copy.restored', { revision: revision.revision });
    }
    return warnings;
  };

  const takeInOne = async (source: CopySource, current: Revision | undefined, writer: Pick<ForwardingWriter, 'submit'>): Promise<TakenIn> => {
    const state = await hashes.check(source.path);
    if (state.kind === 'current') return { behind: false };
    if (state.kind === 'missing' || state.kind === 'stale') return { behind: true };
    if (current === undefined && source.isShared === true) {
      await source.mend?.();
      return { behind: false };
    }
    try {
      if (current === undefined) throw new Error('nothing is published that it could be a copy of');
      const rules = await source.readRules(state.content, current);
      const { outcome } = await writer.submit({ kind: 'replace', rules, keepSetAside: true }, { reason: 'copy-edited' });
      const message = outcome === 'applied' ? 'What was changed in it is published now.' : 'It says the same as before.';
      return { behind: outcome !== 'applied', told: { file: source.path, outcome: 'applied', message } };
    } catch (error) {
      const { code, message: problem } = toSupervisorError(error);
      // Nothing is wrong with it: the next start finishes what was begun, or looks at it again.
      if (code === 'DAEMON_STOPPING' || code === 'INTERRUPTED') return { behind: false };
      if (code === 'DOCUMENT_CORRUPT' && source.mend !== undefined) {
        await source.mend();
        return { behind: true };
      }
      const aside = await setAside(source.path, 'edited', clock.now());
      const message = `${problem}. It stands beside it as ${aside ?? 'nothing: it is gone'}.`;
      return { behind: true, told: { file: source.path, outcome: 'set-aside', message } };
    }
  };

  return {
    write: writeAll,
    takeIn: async (current, writer) => {
      const taken: TakenIn[] = [];
      for (const source of sources) {
        const one = await takeInOne(source, current, writer).catch((error: unknown): TakenIn => {
          // One that cannot be read is no reason not to look at the others.
          fail(error);
          return { behind: false };
        });
        taken.push(one);
      }
      const now = current === undefined ? undefined : (revisions.current() ?? current);
      if (now !== undefined && taken.some(({ behind }) => behind)) await writeAll(now);
      for (const { told } of taken) if (told !== undefined) emit('copy.edited', told);
    },
    remove: async (remove) => {
      const gone = sources.filter(({ staysWithoutTunnel }) => staysWithoutTunnel !== true).map(({ path }) => path);
      for (const path of gone) await remove(path);
      await hashes.forget(gone);
    },
  };
}

const byDirectory = (sources: readonly CopySource[]): readonly (readonly CopySource[])[] =>
  [...new Set(sources.map(({ path }) => dirname(path)))].map((directory) => sources.filter(({ path }) => dirname(path) === directory));
