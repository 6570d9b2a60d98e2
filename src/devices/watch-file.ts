import { watch, type FSWatcher } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Clock } from '../core/clock.js';

/** The kernel tells at once, except for links, network file systems and directories that come later: those show by looking. */
const LOOK_INTERVAL_MS = 5_000;

/**
 * Calls `onChange` whenever a file is created, written, replaced, truncated or removed, in whatever way, until aborted.
 * The file and its directory need not be there. Never rejects.
 */
export async function watchFile(path: string, onChange: () => void, { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal }): Promise<void> {
  const directory = dirname(path);
  const name = basename(path);
  let watcher: FSWatcher | undefined;
  const disarm = (): void => {
    watcher?.close();
    watcher = undefined;
  };
  const arm = (): void => {
    try {
      watcher = watch(directory, { persistent: false }, (_, changed) => {
        if (changed === null || changed === name) onChange();
      });
      watcher.on('error', disarm);
    } catch {
      watcher = undefined; // No such directory yet, or no watches left: looking has to do.
    }
  };

  arm();
  let watched = await identify(directory, 'dev-ino');
  let known = await identify(path);
  while (!signal.aborted) {
    await clock.sleep(LOOK_INTERVAL_MS, signal).catch(() => undefined);
    if (signal.aborted) break;
    const [nowWatched, now] = await Promise.all([identify(directory, 'dev-ino'), identify(path)]);
    if (watcher === undefined || nowWatched !== watched) {
      disarm();
      arm();
      watched = nowWatched;
    }
    if (now !== known) {
      known = now;
      onChange();
    }
  }
  disarm();
}

/** What tells one state of a file from another; undefined where there is none. */
async function identify(path: string, what: 'content' | 'dev-ino' = 'content'): Promise<string | undefined> {
  try {
    const { dev, ino, size, mtimeMs } = await stat(path);
    return what === 'dev-ino' ? `${dev} ${ino}` : `${dev} ${ino} ${size} ${mtimeMs}`;
  } catch {
    return undefined;
  }
}
