import type { ServerResponse } from 'node:http';

/** What a reader may leave unread before it is cut off. One event about ten thousand rules has 2 MB. */
export const UNREAD_BYTES = 4 * 1024 * 1024;

/** How long one may leave unread what was sent before the sender gives it up. */
const STALLED_MS = 30_000;

/** JSON lines to one client, which is cut off when it does not read. */
export interface LineWriter {
  /** Aborted when the client is gone, or was cut off. */
  readonly gone: AbortSignal;
  /** The first line begins it too; until then a failure can be answered as one. */
  begin(): void;
  /** Never waits. */
  write(value: unknown): void;
  /** Resolves when the client has read what it was sent, or is gone: for senders that have much at hand. One that does not read for long is cut off. */
  drained(): Promise<void>;
  end(): void;
  /** For a reader that is too slow to be worth more memory. */
  cutOff(): void;
}

export function startJsonLines(response: ServerResponse, unreadBytes = UNREAD_BYTES): LineWriter {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const begin = (): void => {
    if (response.headersSent) return;
    response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
    response.flushHeaders();
  };
  return {
    gone: gone.signal,
    begin,
    write: (value) => {
      if (gone.signal.aborted || response.writableEnded) return;
      begin();
      response.write(`${JSON.stringify(value)}\n`);
      if (response.writableLength > unreadBytes) response.destroy();
    },
    drained: async () => {
      if (gone.signal.aborted || !response.writableNeedDrain) return;
      const stalled = setTimeout(() => response.destroy(), STALLED_MS);
      await new Promise<void>((resolve) => {
        const go = (): void => {
          response.off('drain', go);
          response.off('close', go);
          resolve();
        };
        response.on('drain', go);
        response.on('close', go);
      });
      clearTimeout(stalled);
    },
    end: () => {
      if (gone.signal.aborted || response.writableEnded) return;
      begin();
      response.end();
    },
    cutOff: () => response.destroy(),
  };
}
