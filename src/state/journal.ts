import { open, readdir, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemClock, type Clock } from '../core/clock.js';
import { SupervisorError } from '../core/errors.js';
import type { Emit } from '../core/events.js';
import { removeDurably, syncDirectory, toStorageError } from '../host/atomic-file.js';
import type { BasePaths } from '../host/base-paths.js';
import { isNoFile, readRegularFile } from '../host/regular-file.js';
import type { JournalRecord, JournalStore, OpenJournal, Outlives } from '../transaction/ports.js';
import { entryLines, headerLine, parseJournal, type ParsedJournal } from './journal-lines.js';
import { setAside } from './set-aside.js';

const SUFFIX = '.jsonl';

/**
 * One file of JSON lines for each change under way: `journal/<change>.jsonl`, the first line its header. Every line is
 * in the file when the call resolves, and on disk where it asks for that; a change that is over has no file.
 */
export function createJournalStore(paths: BasePaths, emit: Emit, clock: Clock = systemClock): JournalStore {
  const refuseNewer = (path: string): never => {
    throw new SupervisorError('DOCUMENT_NEWER', `${path} was written by a newer version of this program`);
  };

  /** Undefined, with the file out of the way, where nothing can be done with it. */
  const readRecord = async (path: string): Promise<JournalRecord | undefined> => {
    const parsed = await readNamed(path);
    if (parsed.kind === 'journal') return parsed.record;
    if (parsed.kind === 'newer') return refuseNewer(path);
    if (parsed.kind === 'not-begun') {
      await removeDurably(path);
      return undefined;
    }
    const aside = await setAside(path, 'corrupt', clock.now());
    emit('document.restored', { file: path, setAsideAs: aside ?? '', problem: parsed.problem });
    return undefined;
  };

  return {
    open: async (header) => {
      const path = paths.journal(header.change);
      const journal = openJournal(path, await openFile(path, 'wx'), 0);
      try {
        await journal.write(headerLine(header), 'process');
        return journal;
      } catch (error) {
        await journal.close().catch(ignore);
        throw error;
      }
    },
    unfinished: async () => {
      const names = (await listDirectory(paths.journalDir)).filter((name) => name.endsWith(SUFFIX)).sort();
      const records: JournalRecord[] = [];
      for (const name of names) {
        const record = await readRecord(join(paths.journalDir, name));
        if (record !== undefined) records.push(record);
      }
      return records;
    },
    reopen: async (change) => {
      const path = paths.journal(change);
      const parsed = await readJournal(path);
      if (parsed.kind === 'newer') return refuseNewer(path);
      if (parsed.kind !== 'journal') throw new SupervisorError('DOCUMENT_CORRUPT', `${path} holds no change that could go on`);
      return openJournal(path, await openFile(path, 'r+'), parsed.wholeBytes);
    },
  };
}

interface WritableJournal extends OpenJournal {
  write(line: string, outlives: Outlives): Promise<void>;
}

/** `length` is how far the file is good: each line is written there, over what a failed or torn one may have left. */
function openJournal(path: string, handle: FileHandle, length: number): WritableJournal {
  let good = length;
  /** The file's name is on disk with the first lines that are: whoever opened it before may have died sooner. */
  let isNamed = false;
  let last: Promise<unknown> = Promise.resolve();

  const sync = async (): Promise<void> => {
    await Promise.all([handle.datasync(), isNamed ? undefined : syncDirectory(dirname(path))]);
    isNamed = true;
  };
  const writeNow = async (line: string, outlives: Outlives): Promise<void> => {
    const bytes = Buffer.from(line);
    try {
      await handle.truncate(good);
      for (let done = 0; done < bytes.length;) done += (await handle.write(bytes, done, bytes.length - done, good + done)).bytesWritten;
      if (outlives === 'machine') await sync();
      good += bytes.length;
    } catch (error) {
      throw toStorageError(error, path);
    }
  };
  const write = async (line: string, outlives: Outlives): Promise<void> => {
    const turn = last.then(async () => writeNow(line, outlives), async () => writeNow(line, outlives));
    last = turn;
    return turn;
  };

  const release = async (): Promise<void> => {
    await last.catch(ignore);
    await handle.close();
  };

  return {
    write,
    append: async (entries, outlives) => write(entryLines(entries), outlives),
    close: async () => {
      await release();
      await removeDurably(path);
    },
    release,
  };
}

async function openFile(path: string, flags: 'wx' | 'r+'): Promise<FileHandle> {
  try {
    return await open(path, flags, 0o600);
  } catch (error) {
    throw toStorageError(error, path, 'open');
  }
}

async function readJournal(path: string): Promise<ParsedJournal> {
  try {
    return parseJournal(await readRegularFile(path));
  } catch (error) {
    if (isNoFile(error)) return { kind: 'corrupt', problem: 'it is not a file' };
    throw toStorageError(error, path, 'read');
  }
}

/** One that somebody copied or renamed may be of a change that is long over: to go on with it would undo what stands. */
async function readNamed(path: string): Promise<ParsedJournal> {
  const parsed = await readJournal(path);
  if (parsed.kind !== 'journal' || parsed.record.header.change === basename(path, SUFFIX)) return parsed;
  return { kind: 'corrupt', problem: `it tells of the change ${parsed.record.header.change}` };
}

async function listDirectory(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    throw toStorageError(error, directory, 'read');
  }
}

function ignore(): void {
  // Whoever made the call has its failure.
}
