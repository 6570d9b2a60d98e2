import { copyFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { toIso, type Clock } from '../../core/clock.js';
import { SupervisorError } from '../../core/errors.js';
import type { Emit } from '../../core/events.js';
import type { Revision } from '../../core/revision.js';
import type { ForwardingRule } from '../../core/rule.js';
import { removeDurably } from '../../host/atomic-file.js';
import { makeDirectories } from '../../host/make-directories.js';
import type { Copy, CopyHashes } from '../../state/copy-hashes.js';
import { setAside } from '../../state/set-aside.js';
import { isObject, type JsonObject } from '../json.js';
import { plainNumbers, toExactFile } from './exact-json.js';
import { readEditedRules, readForwardingFile, renderForwardingFile, sameRules, type StoredByPortacode } from './forwarding-file.js';
import { forwardingFilePath, goodCopyOf, isOurs, tunnelFilePath } from './names.js';
import { parseStateFile, readStateFile } from './state-file.js';
import { recordedName, refuseOtherTunnel, renderTunnelFile, type TunnelFacts } from './tunnel-file.js';

/** One of the two files as a copy of the revision: what the daemon's keeper of copies works with. */
export interface StateFileCopy {
  readonly path: string;
  /** Portacode writes it too, and reads it while nothing of ours is connected: it is left alone then. */
  readonly isShared: true;
  render(revision: Revision): Promise<readonly Copy[]>;
  readRules(content: string, current: Revision): Promise<readonly ForwardingRule[]>;
  /** While nothing is published: sees to a file that nobody can read. */
  mend(): Promise<void>;
  /** The rules stay when the tunnel goes. */
  readonly staysWithoutTunnel: boolean;
}

export interface StateFiles {
  readonly copies: readonly StateFileCopy[];
  /** Writes what is known of the tunnel now, if that differs from what the file says. */
  refreshTunnel(): Promise<void>;
  readonly readTunnel: () => Promise<JsonObject>;
  readonly recordedTunnelName: () => Promise<string | undefined>;
  /** What Portacode had published before the first revision of ours. */
  readonly inherited: () => Promise<StoredByPortacode>;
}

export interface StateFilesOptions {
  readonly stateDir: string;
  readonly hashes: CopyHashes;
  readonly facts: () => Promise<TunnelFacts>;
  readonly currentRevision: () => number | null;
  readonly emit: Emit;
  readonly clock: Clock;
}

const MODE = 0o600;

export function createStateFiles(options: StateFilesOptions): StateFiles {
  const { stateDir, hashes, facts, emit, clock } = options;
  const tunnelPath = tunnelFilePath(stateDir);
  const forwardingPath = forwardingFilePath(stateDir);
  let refreshing: Promise<void> = Promise.resolve();

  /** What the file holds; where nobody can read it, what it held when we wrote it last. */
  const readStanding = async (path: string): Promise<JsonObject | undefined> => {
    const reading = await readStateFile(path);
    if (reading.kind === 'read') return reading.value;
    const good = await readStateFile(goodCopyOf(path));
    if (reading.kind === 'corrupt') {
      const aside = await setAside(path, 'corrupt', clock.now());
      emit('document.restored', { file: path, setAsideAs: aside ?? '', problem: reading.problem });
    }
    // Gone altogether: somebody cleared it, fields of theirs included.
    return reading.kind === 'corrupt' && good.kind === 'read' ? good.value : undefined;
  };

  /** What we wrote last, where Portacode itself wrote over it. */
  const readDropped = async (standing: JsonObject | undefined): Promise<JsonObject | undefined> => {
    if (standing === undefined || isOurs(standing)) return undefined;
    const good = await readStateFile(goodCopyOf(forwardingPath));
    return good.kind === 'read' && isOurs(good.value) ? good.value : undefined;
  };

  const keepAside = async (path: string): Promise<void> => {
    const aside = `${path}.edited-${toIso(clock.now()).replaceAll(/[-:.]/g, '')}`;
    await copyFile(path, aside);
    emit('copy.edited', { file: path, outcome: 'set-aside', message: `It was changed while the daemon ran, and is written anew. What it said stands beside it as ${aside}.` });
  };

  /** What somebody wrote into it while we ran is not published, and not lost either. */
  const keepEditedRules = async (standing: JsonObject | undefined, next: JsonObject): Promise<void> => {
    if (standing === undefined || (await hashes.check(forwardingPath)).kind !== 'edited' || sameRules(standing, next)) return;
    const good = await readStateFile(goodCopyOf(forwardingPath));
    if (good.kind !== 'read' || !sameRules(standing, good.value)) await keepAside(forwardingPath);
  };

  /** The same for another tunnel. */
  const keepEditedTunnel = async (standing: JsonObject | undefined, { tunnel: identity }: TunnelFacts): Promise<void> => {
    if (standing === undefined || identity === undefined || (await hashes.check(tunnelPath)).kind !== 'edited') return;
    try {
      refuseOtherTunnel(standing, identity);
    } catch {
      await keepAside(tunnelPath);
    }
  };

  const toCopies = (path: string, value: JsonObject): readonly Copy[] => {
    const content = toExactFile(value);
    return [{ path, content, mode: MODE }, { path: goodCopyOf(path), content, mode: MODE }];
  };

  // One that is there keeps its mode: it is Portacode's.
  const makeDirectory = (): void => makeDirectories(stateDir, 0o700);

  const mend = async (path: string): Promise<void> => {
    const reading = await readStateFile(path);
    if (reading.kind !== 'corrupt') return;
    const standing = await readStanding(path);
    if (standing !== undefined) await hashes.write(toCopies(path, standing), options.currentRevision());
  };

  const parse = (content: string): JsonObject => {
    const reading = parseStateFile(Buffer.from(content));
    if (reading.kind === 'read') return reading.value;
    throw new SupervisorError('DOCUMENT_CORRUPT', reading.kind === 'corrupt' ? reading.problem : 'it is gone');
  };

  const forwarding: StateFileCopy = {
    path: forwardingPath,
    isShared: true,
    staysWithoutTunnel: true,
    render: async (revision) => {
      makeDirectory();
      const standing = await readStanding(forwardingPath);
      const next = renderForwardingFile(revision, standing, await readDropped(standing));
      await keepEditedRules(standing, next);
      return toCopies(forwardingPath, next);
    },
    readRules: (content, current) => Promise.resolve(readEditedRules(parse(content), current.setAside)),
    mend: () => mend(forwardingPath),
  };

  const tunnel: StateFileCopy = {
    path: tunnelPath,
    isShared: true,
    staysWithoutTunnel: false,
    render: async () => {
      makeDirectory();
      const [known, standing] = [await facts(), await readStanding(tunnelPath)];
      await keepEditedTunnel(standing, known);
      const value = renderTunnelFile(known, standing, clock.now());
      return value === undefined ? [] : toCopies(tunnelPath, value);
    },
    // It asks for no rules: what is not ours in it is kept, what is ours is written anew.
    readRules: async (content, current) => {
      const { tunnel: identity } = await facts();
      if (identity !== undefined) refuseOtherTunnel(parse(content), identity);
      return [...current.rules.map(({ rule }) => rule), ...current.setAside];
    },
    mend: () => mend(tunnelPath),
  };

  const refresh = async (): Promise<void> => {
    const known = await facts();
    if (known.isChanging) return; // it is written when that is done
    const standing = await readStanding(tunnelPath);
    const value = renderTunnelFile(known, standing, clock.now());
    if (value === undefined) {
      if (standing === undefined || !isOurs(standing)) return;
      for (const path of [goodCopyOf(tunnelPath), tunnelPath]) await removeDurably(path);
      await hashes.forget([tunnelPath, goodCopyOf(tunnelPath)]);
      return;
    }
    if (isDeepStrictEqual(value, standing)) return;
    await keepEditedTunnel(standing, known);
    makeDirectory();
    await hashes.write(toCopies(tunnelPath, value), options.currentRevision());
  };

  return {
    copies: [forwarding, tunnel],
    refreshTunnel: () => (refreshing = refreshing.then(refresh, refresh)),
    readTunnel: async () => {
      await refreshing.catch(() => undefined); // told to who asked for it
      const reading = await readStateFile(tunnelPath);
      const value = reading.kind === 'read' ? plainNumbers(reading.value) : undefined;
      return isObject(value) ? value : {};
    },
    recordedTunnelName: async () => {
      const reading = await readStateFile(tunnelPath);
      return reading.kind === 'read' ? recordedName(reading.value) : undefined;
    },
    inherited: async () => {
      const reading = await readStateFile(forwardingPath);
      return reading.kind === 'read' ? readForwardingFile(reading.value) : { rules: [], addresses: [], problems: [] };
    },
  };
}
