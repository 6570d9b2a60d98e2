import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { ERRORS, SupervisorError, type ErrorCode, type Problem } from '../core/errors.js';

/**
 * One request over the unix socket. `node:http` and not undici: a `status` on the command line is over in less time
 * than undici takes to load, and there is neither a pool nor a proxy to be had on a local socket.
 */

export interface SocketRequest {
  readonly socketPath: string;
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** To the first byte of the answer; 0 waits for ever. */
  readonly timeoutMs: number;
}

export interface SocketAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: IncomingMessage;
}

/** Longest name that a unix socket can have; Node would silently use a truncated one. */
const SOCKET_PATH_BYTES = 107;

/** Resolves when the head of the answer is there. An error status rejects with the error that the body holds. */
export async function sendRequest(request: SocketRequest): Promise<SocketAnswer> {
  if (Buffer.byteLength(request.socketPath) > SOCKET_PATH_BYTES)
    throw new SupervisorError('PATH_TOO_LONG', `${request.socketPath} is longer than ${SOCKET_PATH_BYTES} bytes`);
  const answer = await openRequest(request);
  if (answer.status < 400) return answer;
  throw readError(answer.status, await readText(answer.body));
}

function openRequest(request: SocketRequest): Promise<SocketAnswer> {
  const payload = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({
      socketPath: request.socketPath,
      method: request.method,
      path: request.path,
      agent: false,
      headers: {
        host: 'localhost',
        ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': payload.length }),
        ...request.headers,
      },
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    const silent = (): void => {
      outgoing.destroy(new SupervisorError('DAEMON_UNREACHABLE', `The daemon at ${request.socketPath} does not answer`, {
        hint: 'Look into the log of the daemon; if it hangs, stop it and start it again with `cloudflared-supervisor up`.',
      }));
    };
    const timer = request.timeoutMs > 0 ? setTimeout(silent, request.timeoutMs) : undefined;
    outgoing.once('response', (body) => {
      clearTimeout(timer);
      resolve({ status: body.statusCode ?? 0, headers: body.headers, body });
    });
    outgoing.once('error', (error) => {
      clearTimeout(timer);
      reject(toTransportError(error, request));
    });
    outgoing.end(payload);
  });
}

function toTransportError(error: NodeJS.ErrnoException, request: SocketRequest): SupervisorError {
  if (error instanceof SupervisorError) return error;
  if (request.signal?.aborted === true) return new SupervisorError('INTERRUPTED', 'The request was cancelled', { cause: error });
  const code = error.code ?? '';
  if (['ENOENT', 'ECONNREFUSED', 'ENOTDIR'].includes(code))
    return new SupervisorError('DAEMON_UNREACHABLE', `No daemon serves ${request.socketPath}`, { cause: error });
  if (['EACCES', 'EPERM'].includes(code))
    return new SupervisorError('DAEMON_UNREACHABLE', `The socket ${request.socketPath} belongs to another user`, {
      cause: error,
      hint: 'Run the command as that user, or name it with --user.',
    });
  return new SupervisorError('DAEMON_UNREACHABLE', `The daemon at ${request.socketPath} went away before it answered (${error.code ?? error.message})`, {
    cause: error,
    hint: 'A change that was accepted is finished or undone at the next start: see `cloudflared-supervisor status`.',
  });
}

/** The body as text; a daemon that dies on the way is as good as one that never answered. */
export async function readText(body: IncomingMessage): Promise<string> {
  body.setEncoding('utf8');
  let text = '';
  try {
    for await (const chunk of body) text += String(chunk);
  } catch (error) {
    throw new SupervisorError('DAEMON_UNREACHABLE', 'The daemon went away while it answered', { cause: error });
  }
  return text;
}

/** Lines of JSON as they come; a line that was cut off by the end is dropped. */
export async function* readJsonLines(body: IncomingMessage): AsyncGenerator<unknown, void, undefined> {
  body.setEncoding('utf8');
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield JSON.parse(line);
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

const isProblem = (value: unknown): value is Problem =>
  isRecord(value) && typeof value['code'] === 'string' && typeof value['message'] === 'string';

/** A daemon of another version may know codes that we do not: its words are kept then. */
function readError(status: number, text: string): SupervisorError {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    return new SupervisorError('INTERNAL_FAULT', `The daemon answered ${status} and no error of ours`, { cause: error });
  }
  if (!isRecord(body) || typeof body['code'] !== 'string' || typeof body['message'] !== 'string')
    return new SupervisorError('INTERNAL_FAULT', `The daemon answered ${status} and no error of ours`);
  const problems = Array.isArray(body['problems']) ? body['problems'].filter(isProblem) : [];
  const known = Object.hasOwn(ERRORS, body['code']);
  return new SupervisorError(
    known ? (body['code'] as ErrorCode) : 'INTERNAL_FAULT',
    known ? body['message'] : `${body['code']}: ${body['message']}`,
    { problems, ...(typeof body['hint'] === 'string' ? { hint: body['hint'] } : {}) },
  );
}
