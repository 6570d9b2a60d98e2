import { truncateSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { MAX_LOG_BYTES, rotateLog } from './log-files.js';

export interface FollowOptions {
  readonly path: string;
  /** From the beginning, or only what is written from now on. */
  readonly from: 'start' | 'end';
  readonly onLine: (line: string) => void;
  /** What was written faster than anybody reads: `37 lines`, `21 MB`. */
  readonly onLeftOut: (howMuch: string) => void;
  /** After a rotation: old files may go. */
  readonly onRotated?: () => void;
  readonly maxBytes?: number;
}

export interface Follower {
  /** Reads what is there now. */
  catchUp(): Promise<void>;
  stop(): Promise<void>;
}

const CHUNK_BYTES = 64 * 1024;
/** Read in one go before others have their turn. */
const CHUNKS_AT_ONCE = 16;
const MAX_LINE_CHARACTERS = 16 * 1024;
/** What floods is counted, not passed on: a second's worth of lines that a person could still scroll through. */
const LINES_A_SECOND = 500;
/** Where a directory cannot be watched (no inotify left, network file systems). */
const POLL_MS = 1_000;

/**
 * Follows a file that another process appends to. Costs nothing while nothing is written; survives truncation, by
 * itself or by others; is bounded in memory, time and disk however fast the writer is.
 */
export function followLog(options: FollowOptions): Follower {
  return new LogFollower(options);
}

class LogFollower implements Follower {
  readonly #options: FollowOptions;
  readonly #chunk = Buffer.alloc(CHUNK_BYTES);
  #decoder = new StringDecoder('utf8');
  #stopWatching: () => void;
  #file: FileHandle | undefined;
  #offset: number | undefined;
  #partial = '';
  #reading: Promise<void> | undefined;
  #again = false;
  #stopped = false;
  #second = 0;
  #linesThisSecond = 0;
  #leftOut = 0;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#offset = options.from === 'start' ? 0 : undefined;
    this.#stopWatching = this.#watch();
    this.#wake();
  }

  async catchUp(): Promise<void> {
    this.#wake();
    while (this.#reading !== undefined) await this.#reading;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopWatching();
    await this.#reading;
    await this.#file?.close();
    this.#file = undefined;
  }

  #watch(): () => void {
    const poll = (): (() => void) => {
      const timer = setInterval(() => this.#wake(), POLL_MS).unref();
      return () => clearInterval(timer);
    };
    let watcher: FSWatcher;
    try {
      watcher = watch(this.#options.path, { persistent: false }, () => this.#wake());
    } catch {
      return poll(); // No watches left in the kernel.
    }
    watcher.on('error', () => {
      watcher.close();
      if (!this.#stopped) this.#stopWatching = poll();
    });
    return () => watcher.close();
  }

  #wake(): void {
    if (this.#stopped) return;
    if (this.#reading !== undefined) {
      this.#again = true;
      return;
    }
    this.#reading = this.#read().catch(() => this.#forgetFile()).finally(() => {
      this.#reading = undefined;
      if (this.#again) {
        this.#again = false;
        this.#wake();
      }
    });
  }

  /** A file that cannot be read now is opened anew at the next change; the connector does not depend on it. */
  async #forgetFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => undefined);
  }

  async #read(): Promise<void> {
    this.#file ??= await open(this.#options.path, 'r');
    const { size } = await this.#file.stat();
    this.#offset ??= size;
    if (size < this.#offset) this.#startOver();
    const maxBytes = this.#options.maxBytes ?? MAX_LOG_BYTES;
    if (size - this.#offset > 2 * maxBytes) {
      // It writes faster than we read: the disk goes before the lines.
      truncateSync(this.#options.path, 0);
      this.#options.onLeftOut(`${Math.round((size - this.#offset) / 1_048_576)} MB`);
      this.#startOver();
      return;
    }
    for (let count = 0; this.#offset < size && !this.#stopped; count += 1) {
      if (count >= CHUNKS_AT_ONCE) {
        this.#again = true;
        break;
      }
      const { bytesRead } = await this.#file.read(this.#chunk, 0, CHUNK_BYTES, this.#offset);
      if (bytesRead === 0) break;
      this.#offset += bytesRead;
      this.#take(this.#decoder.write(this.#chunk.subarray(0, bytesRead)));
    }
    if (this.#offset >= maxBytes) {
      rotateLog(this.#options.path);
      this.#startOver();
      this.#options.onRotated?.();
    }
    this.#reportLeftOut(false);
  }

  #startOver(): void {
    this.#offset = 0;
    this.#partial = '';
    this.#decoder = new StringDecoder('utf8');
  }

  #take(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = (lines.pop() ?? '').slice(0, MAX_LINE_CHARACTERS);
    for (const line of lines) if (line.trim() !== '') this.#pass(line.slice(0, MAX_LINE_CHARACTERS).trimEnd());
  }

  #pass(line: string): void {
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.#second) {
      this.#reportLeftOut(true);
      this.#second = second;
      this.#linesThisSecond = 0;
    }
    this.#linesThisSecond += 1;
    if (this.#linesThisSecond <= LINES_A_SECOND) this.#options.onLine(line);
    else this.#leftOut += 1;
  }

  /** At the end of a second, or of what there was to read. */
  #reportLeftOut(now: boolean): void {
    if (this.#leftOut === 0 || (!now && this.#again)) return;
    this.#options.onLeftOut(`${this.#leftOut} lines`);
    this.#leftOut = 0;
  }
}
