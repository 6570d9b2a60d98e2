import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AnswerOf } from '../api/answers.js';
import type { ParsedRequest } from '../api/requests.js';
import { listLogs, type LogFile } from '../cloudflared/log-files.js';
import { parseLogLine, type ConnectorLogLine, type LogContent } from '../cloudflared/log-line.js';
import type { Redactor } from '../host/redact.js';
import type { LineWriter } from './json-lines.js';
import { untilAborted } from './until-aborted.js';

type LogLine = AnswerOf<'logs'>;

const DEFAULT_LINES = 100;
/** As many as a person looks through. Who asks for more waits for others who did: each holds all of it in memory. */
const FEW_LINES = 1_000;
/** Of one line; what is longer was written by nobody who wants to be read. */
const LINE_CHARACTERS = 16 * 1024;
const LINES_AT_ONCE = 500;
/** What is written while a slow reader is still being told of the past; then it is cut off. */
const WAITING_LINES = 10_000;

/** Who follows the connectors' logs, and what stands in their files. */
export interface ConnectorLogs {
  /** One line that was just written. */
  readonly publish: (line: ConnectorLogLine) => void;
  readonly stream: (request: ParsedRequest<'logs'>, writer: LineWriter, stopping: AbortSignal) => Promise<void>;
}

export function createConnectorLogs(logDir: string, redactor: Redactor): ConnectorLogs {
  const followers = new Set<(line: LogLine) => void>();
  let lastLong: Promise<void> = Promise.resolve();
  const inTurn = async (isLong: boolean, work: () => Promise<void>): Promise<void> => {
    if (!isLong) return work();
    const turn = lastLong.then(work, work);
    lastLong = turn.catch(() => undefined);
    return turn;
  };
  return {
    publish: (line) => {
      for (const follower of followers) follower(toLogLine(line.log, line));
    },
    stream: async ({ lines = DEFAULT_LINES, follow = false, connector }, writer, stopping) => {
      const send = (line: LogLine): void => {
        if (connector === undefined || line.connector === connector) writer.write(line);
      };
      writer.begin();
      // Followed first and read second: what is written in between is kept, and sent after the past.
      const meanwhile: LogLine[] = [];
      let live = false;
      const follower = (line: LogLine): void => {
        if (live) send(line);
        else if (meanwhile.push(line) > WAITING_LINES) writer.cutOff();
      };
      if (follow) followers.add(follower);
      try {
        await inTurn(lines > FEW_LINES, async () => {
          if (writer.gone.aborted) return;
          const past = await readPast(logDir, lines, connector, redactor);
          for (const line of past) {
            send(line);
            await writer.drained();
          }
          // The last of the past may have been both read and heard.
          const read = new Set(past.map((line) => JSON.stringify(line)));
          for (const line of meanwhile) if (!read.has(JSON.stringify(line))) send(line);
        });
        live = true;
        if (follow) await untilAborted(AbortSignal.any([writer.gone, stopping]));
      } finally {
        followers.delete(follower);
        writer.end();
      }
    },
  };
}

const toLogLine = (connector: number, { time, level, message, fields }: LogContent): LogLine => ({ at: time, connector, level, message, fields });

/** The last lines of all files together, oldest first: they overlap in time, as connectors do. */
async function readPast(logDir: string, count: number, connector: number | undefined, redactor: Redactor): Promise<readonly LogLine[]> {
  if (count === 0) return [];
  const files = listLogs(logDir)
    .filter(({ number }) => connector === undefined || number === connector)
    .sort((a, b) => b.modified - a.modified);
  const lines: LogLine[] = [];
  for (const file of files) {
    if (lines.length >= count && file.modified < (oldestOf(lines.slice(0, count)) ?? 0)) break;
    for (const line of await readTail(file, count, redactor)) lines.push(line);
    // A line without a time (plain text) stays where it stood: the sort is stable.
    lines.sort((a, b) => timeOf(b) - timeOf(a));
  }
  return lines.slice(0, count).reverse();
}

async function readTail(file: LogFile, count: number, redactor: Redactor): Promise<readonly LogLine[]> {
  const tail: string[] = [];
  const input = createReadStream(file.path, { encoding: 'utf8' });
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      if (line.trim() === '') continue;
      tail.push(line.slice(0, LINE_CHARACTERS));
      if (tail.length > count) tail.shift();
    }
  } catch (error) {
    // Rotated away between the listing and now: its lines are in another file.
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ENOENT') throw error;
  } finally {
    input.destroy();
  }
  let last: string | null = null;
  const parsed: LogLine[] = [];
  for (const line of tail) {
    const entry = toLogLine(file.number, parseLogLine(line, redactor));
    last = entry.at ?? last;
    parsed.push({ ...entry, at: entry.at ?? last });
    // A hundred thousand lines take seconds, in which others want to be served too.
    if (parsed.length % LINES_AT_ONCE === 0) await nextTurn();
  }
  return parsed.reverse();
}

const timeOf = ({ at }: LogLine): number => (at === null ? 0 : Date.parse(at) || 0);

const oldestOf = (lines: readonly LogLine[]): number | undefined => (lines.length === 0 ? undefined : lines.reduce((oldest, line) => Math.min(oldest, timeOf(line)), Infinity));
