import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Clock } from '../core/clock.js';
import { SupervisorError } from '../core/errors.js';
import type { Environment } from '../host/child-environment.js';
import { createDispatcher } from '../host/http.js';
import { redact } from '../host/redact.js';
import { loadUndici } from '../host/undici.js';
import { withRetries } from './retries.js';

/** How releases and what is said of them are read over HTTP: through the proxies and certificates of the environment. */
export interface ReleaseHttp {
  /** A file, from its beginning. Its stream fails where the connection does; see download.ts. */
  open(url: URL, signal: AbortSignal): Promise<OpenFile>;
  /** A short text; undefined where there is none (404). Tried again where the network fails. */
  readText(url: URL, signal: AbortSignal, accept?: string): Promise<string | undefined>;
  close(): Promise<void>;
}

export interface OpenFile {
  readonly body: Readable;
  readonly totalBytes: number | undefined;
}

export interface ReleaseHttpOptions {
  readonly env: Environment;
  readonly clock: Clock;
  readonly userAgent: string;
}

const MAX_REDIRECTIONS = 5;
/** What GitHub says of a release has 60 kB. */
const MAX_TEXT_BYTES = 4_000_000;

/** Nothing is loaded, nor connected, before the first request. */
export function createReleaseHttp({ env, clock, userAgent }: ReleaseHttpOptions): ReleaseHttp {
  let dispatcher: Promise<Dispatcher> | undefined;

  const get = async (asked: URL, signal: AbortSignal, accept: string): Promise<Dispatcher.ResponseData> => {
    const through = await (dispatcher ??= createDispatcher({ env }));
    const { request } = await loadUndici();
    let url = asked;
    for (let redirections = 0; redirections <= MAX_REDIRECTIONS; redirections += 1) {
      const answer = await request(url, { dispatcher: through, signal, headers: { 'user-agent': userAgent, accept, 'accept-encoding': 'identity' } }).catch((error: unknown) => {
        throw signal.aborted ? signal.reason : unreachable(url, error);
      });
      const next = redirection(url, answer);
      if (next === undefined) return answer;
      await answer.body.dump();
      url = next;
    }
    throw new SupervisorError('RELEASE_UNEXPECTED', `${show(asked)} leads from one place to the next without an end.`);
  };

  const getFile = async (url: URL, signal: AbortSignal, accept = '*/*'): Promise<Dispatcher.ResponseData | undefined> => {
    const answer = await get(url, signal, accept);
    const { statusCode, body } = answer;
    if (statusCode === 200) return answer;
    await body.dump().catch(() => undefined); // what it said beside is not needed
    if (statusCode === 404 || statusCode === 410) return undefined;
    const message = `${show(url)} answered with status ${statusCode}.`;
    throw new SupervisorError(statusCode >= 500 ? 'RELEASE_UNREACHABLE' : 'RELEASE_REFUSED', message);
  };

  return {
    open: async (url, signal) => {
      const answer = await getFile(url, signal);
      if (answer === undefined) throw new SupervisorError('RELEASE_UNKNOWN', `There is no ${show(url)}.`);
      const length = Number(answer.headers['content-length']);
      return { body: answer.body, totalBytes: Number.isSafeInteger(length) ? length : undefined };
    },
    readText: (url, signal, accept) => withRetries(clock, signal, async () => {
      const answer = await getFile(url, signal, accept);
      return answer === undefined ? undefined : await readShort(answer.body, url, signal);
    }),
    close: async () => {
      const opened = await dispatcher?.catch(() => undefined);
      await opened?.destroy();
    },
  };
}

function redirection(from: URL, { statusCode, headers }: Dispatcher.ResponseData): URL | undefined {
  const { location } = headers;
  if (![301, 302, 303, 307, 308].includes(statusCode) || typeof location !== 'string') return undefined;
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const isSafe = to !== undefined && (to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:'));
  if (!isSafe) throw new SupervisorError('RELEASE_UNEXPECTED', `${show(from)} leads to ${to === undefined ? 'no URL' : show(to)}, where we do not follow.`);
  return to;
}

async function readShort(body: Readable, url: URL, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_TEXT_BYTES) throw new SupervisorError('RELEASE_UNEXPECTED', `${show(url)} gives more than anybody says about a release.`);
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error instanceof SupervisorError ? error : unreachable(url, error);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function unreachable(url: URL, error: unknown): SupervisorError {
  // The reason of a failed connection to several addresses is in its parts.
  const reason = error instanceof AggregateError ? error.errors.map(reasonOf).join('; ') : reasonOf(error);
  return new SupervisorError('RELEASE_UNREACHABLE', `${show(url)} cannot be reached: ${redact(reason)}.`, { cause: error });
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message.replace(/\.$/, '') : String(error));

/** Without what may be secret: the password of a mirror, or the signed query that a redirection adds. */
export function show(url: URL): string {
  return url.protocol === 'file:' ? decodeURIComponent(url.pathname) : `${url.protocol}//${url.host}${url.pathname}`;
}
