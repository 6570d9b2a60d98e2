import { copyFile, mkdir, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { systemClock, toIso } from '../../core/clock.js';
import { errnoOf, isMissing, removeDurably, writeFileAtomic } from '../../host/atomic-file.js';
import { isObject, type JsonObject } from '../json.js';
import { toExactFile } from '../state-files/exact-json.js';
import { FIELDS_OF_FORWARDING, FIELDS_OF_RULE } from '../state-files/forwarding-file.js';
import { forwardingFilePath, isOurs, tunnelFilePath, unknownFields } from '../state-files/names.js';
import { readStateFile } from '../state-files/state-file.js';
import { FIELDS_OF_TUNNEL } from '../state-files/tunnel-file.js';

/** Keeps the two state files current where the agent reads them, should that be another directory than the daemon's. */
export interface Mirror {
  /** One at a time; never rejects. */
  refresh(): Promise<void>;
}

/** Where nobody knows the agent's directory. */
export const NO_MIRROR: Mirror = { refresh: () => Promise.resolve() };

export interface MirrorOptions {
  /** The daemon's; asked anew each time, since another daemon may have another. */
  readonly stateDir: () => Promise<string>;
  /** The agent's own. */
  readonly agentDir: string;
  /** Told once for each failure that is not the same as the last. */
  readonly onFailure: (message: string) => void;
}

export function createMirror({ stateDir, agentDir, onFailure }: MirrorOptions): Mirror {
  let last: Promise<void> = Promise.resolve();
  let lastFailure = '';
  /** What was seen of a source and of its copy when they were the same: nothing is read while nothing changed. */
  const seen = new Map<string, string>();

  const refreshAll = async (): Promise<void> => {
    try {
      const from = await stateDir();
      if (await isSameDirectory(from, agentDir)) return;
      for (const pathIn of [tunnelFilePath, forwardingFilePath]) {
        const [source, target] = [pathIn(from), pathIn(agentDir)];
        const marks = await markOf(source, target);
        if (seen.get(target) === marks) continue;
        await copyOne(source, target, pathIn === tunnelFilePath);
        seen.set(target, await markOf(source, target));
      }
      lastFailure = '';
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== lastFailure) onFailure(message);
      lastFailure = message;
    }
  };
  return { refresh: () => (last = last.then(refreshAll)) };
}

/** `isTunnel`: a tunnel that is gone takes what we wrote of it along; rules stay. */
async function copyOne(source: string, target: string, isTunnel: boolean): Promise<void> {
  const [from, to] = [await readStateFile(source), await readStateFile(target)];
  const before = to.kind === 'read' ? to.value : undefined;
  if (from.kind !== 'read' || !isOurs(from.value)) {
    if (from.kind === 'absent' && isTunnel && before !== undefined && isOurs(before)) await removeDurably(target);
    return;
  }
  const next = mergeUnknown(from.value, before, isTunnel ? FIELDS_OF_TUNNEL : FIELDS_OF_FORWARDING);
  if (isDeepStrictEqual(next, before)) return;
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  // What Portacode itself had there is replaced by what is true now, and kept beside it.
  if (to.kind === 'corrupt' || (before !== undefined && !isOurs(before))) await copyFile(target, `${target}.before-supervisor-${toIso(systemClock.now()).replaceAll(/[-:.]/g, '')}`);
  await writeFileAtomic(target, toExactFile(next), { mode: 0o600 });
}

/** What the agent's own file holds beside: kept, where neither of us knows it. */
function mergeUnknown(from: JsonObject, before: JsonObject | undefined, known: ReadonlySet<string>): JsonObject {
  const own = Object.entries(unknownFields(before, known)).filter(([key]) => !(key in from));
  return { ...from, ...(Array.isArray(from['rules']) ? { rules: mergeRules(from['rules'], before?.['rules']) } : {}), ...Object.fromEntries(own) };
}

function mergeRules(rules: readonly unknown[], before: unknown): readonly unknown[] {
  const known = new Map(Array.isArray(before) ? before.filter(isObject).map((rule) => [keyOf(rule), rule] as const) : []);
  return rules.map((rule: unknown) => (isObject(rule) ? mergeUnknown(rule, known.get(keyOf(rule)), FIELDS_OF_RULE) : rule));
}

const keyOf = (rule: JsonObject): string => JSON.stringify([rule['hostname'], rule['path'] ?? null]);

async function isSameDirectory(a: string, b: string): Promise<boolean> {
  const real = (path: string): Promise<string> => realpath(path).catch(() => path); // not there yet: by its name
  return (await real(a)) === (await real(b));
}

async function markOf(...paths: readonly string[]): Promise<string> {
  const marks = await Promise.all(paths.map(async (path) => {
    try {
      const { ino, size, mtimeMs } = await stat(path);
      return `${ino}:${size}:${mtimeMs}`;
    } catch (error) {
      return isMissing(error) ? 'absent' : (errnoOf(error) ?? 'unknown');
    }
  }));
  return marks.join(' ');
}
