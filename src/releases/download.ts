import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat, type FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { SupervisorError } from '../core/errors.js';
import { toStorageError } from '../host/storage-error.js';
import { HEADER_BYTES } from './program-header.js';
import { show, type OpenFile, type ReleaseHttp } from './release-http.js';

export interface Downloaded {
  /** Lower-case hex. */
  readonly sha256: string;
  readonly bytes: number;
  /** Its first bytes. */
  readonly head: Buffer;
}

export interface DownloadProgress {
  readonly receivedBytes: number;
  /** Undefined where the server does not say. */
  readonly totalBytes: number | undefined;
}

/** The largest release so far has 60 MB. Whatever is larger would only fill the disk. */
export const MAX_DOWNLOAD_BYTES = 256 * 1024 * 1024;

export interface DownloadTarget {
  readonly handle: FileHandle;
  readonly path: string;
}

/**
 * The whole of the file into the target, which is emptied first.
 * @throws SupervisorError RELEASE_*, DOWNLOAD_INCOMPLETE, DOWNLOAD_TOO_LARGE, DISK_FULL, STORAGE_*
 */
export async function download(url: URL, target: DownloadTarget, http: ReleaseHttp, onProgress: (progress: DownloadProgress) => void, signal: AbortSignal): Promise<Downloaded> {
  const { body, totalBytes } = url.protocol === 'file:' ? await openLocal(url) : await http.open(url, signal);
  try {
    if ((totalBytes ?? 0) > MAX_DOWNLOAD_BYTES) throw tooLarge(url);
    await emptied(target);
    return await copy(url, { body, totalBytes }, target, onProgress, signal);
  } finally {
    // Whatever is still to come is not wanted: and nobody is there to hear that the connection was cut.
    body.on('error', () => undefined).destroy();
  }
}

async function copy(url: URL, { body, totalBytes }: OpenFile, target: DownloadTarget, onProgress: (progress: DownloadProgress) => void, signal: AbortSignal): Promise<Downloaded> {
  const hash = createHash('sha256');
  const heads: Buffer[] = [];
  let receivedBytes = 0;
  for await (const chunk of received(body, url, signal)) {
    if (receivedBytes < HEADER_BYTES) heads.push(chunk.subarray(0, HEADER_BYTES - receivedBytes));
    receivedBytes += chunk.length;
    if (receivedBytes > MAX_DOWNLOAD_BYTES) throw tooLarge(url);
    hash.update(chunk);
    await writeAll(target, chunk);
    onProgress({ receivedBytes, totalBytes });
  }
  return { sha256: hash.digest('hex'), bytes: receivedBytes, head: Buffer.concat(heads) };
}

/** The chunks; a connection that breaks is told from everything else that can go wrong with them. */
async function* received(body: Readable, url: URL, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  const chunks = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  for (;;) {
    const next = await chunks.next().catch((error: unknown) => {
      if (signal.aborted) throw signal.reason;
      if (url.protocol === 'file:') throw toStorageError(error, show(url), 'read');
      throw new SupervisorError('DOWNLOAD_INCOMPLETE', `${show(url)} was cut off: ${error instanceof Error ? error.message : String(error)}.`, { cause: error });
    });
    if (next.done === true) return;
    yield next.value;
  }
}

async function openLocal(url: URL): Promise<OpenFile> {
  const path = fileURLToPath(url);
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new SupervisorError('DOWNLOAD_NOT_PROGRAM', `${path} is not a file.`);
    return { body: createReadStream(path), totalBytes: found.size };
  } catch (error) {
    throw toStorageError(error, path, 'read');
  }
}

async function emptied({ handle, path }: DownloadTarget): Promise<void> {
  await handle.truncate(0).catch((error: unknown) => { throw toStorageError(error, path); });
}

/** A write that is shorter than asked is what a disk does that fills up: the next one then says so. */
async function writeAll({ handle, path }: DownloadTarget, chunk: Buffer): Promise<void> {
  try {
    let written = 0;
    while (written < chunk.length) written += (await handle.write(chunk, written)).bytesWritten;
  } catch (error) {
    throw toStorageError(error, path);
  }
}

const tooLarge = (url: URL): SupervisorError => new SupervisorError('DOWNLOAD_TOO_LARGE', `${show(url)} has more than ${MAX_DOWNLOAD_BYTES / 1024 / 1024} MB.`);
