import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { CALLS, type CallName } from '../api/calls.js';
import { ERRORS, SupervisorError, toSupervisorError } from '../core/errors.js';
import type { CallContext, Handlers } from './calls.js';
import { refuseForeign } from './guards.js';
import { makeRoomForTheNext, type IdleConnections } from './idle-connections.js';
import { startJsonLines } from './json-lines.js';
import { parseRequest } from './parse-request.js';
import { readJsonBody, type BodyBudget } from './read-body.js';
import { matchCall } from './router.js';

/** What a local socket can be asked to hold at one time; more is answered with DAEMON_BUSY, or not accepted. */
const LIMITS = {
  connections: 512,
  requests: 256,
  streams: 100,
  /** On one connection, sent before the answers to those before came: nobody who works with us sends more than one. */
  pipelined: 64,
  /** Of answers that their clients do not read. */
  unreadAnswerBytes: 64 * 1024 * 1024,
} as const;

/** From the first byte of a request to the last of its headers, and of its body. */
const SENDING_TIMEOUTS = { headersMs: 10_000, requestMs: 30_000 } as const;
/** A client that neither reads its answer nor asks again. */
const IDLE_TIMEOUT_MS = 60_000;

export interface ControlServerParts {
  readonly handlers: Handlers;
  /** A failure that is not one of the table: for the log. */
  readonly onFault: (error: SupervisorError) => void;
  /** How many descriptors this process may have: clients get half of them at most, since the rest has to go on. */
  readonly descriptorLimit?: number | undefined;
  readonly sendingTimeouts?: { readonly headersMs: number; readonly requestMs: number };
}

interface Load {
  requests: number;
  streams: number;
  unreadAnswerBytes: number;
  readonly bodies: BodyBudget;
  readonly unanswered: WeakMap<Socket, number>;
  readonly idle: IdleConnections;
}

/** HTTP over the unix socket: guards, then routing, then one schema, then the handler; every failure is of the table. */
export function createControlServer(parts: ControlServerParts): Server {
  const { headersMs, requestMs } = parts.sendingTimeouts ?? SENDING_TIMEOUTS;
  const server = createServer({
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: headersMs / 2,
    keepAliveTimeout: SENDING_TIMEOUTS.requestMs,
    requireHostHeader: false,
  });
  server.maxConnections = Math.min(LIMITS.connections, Math.max(1, Math.floor((parts.descriptorLimit ?? Infinity) / 2)));
  const load: Load = { requests: 0, streams: 0, unreadAnswerBytes: 0, bodies: { heldBytes: 0 }, unanswered: new WeakMap(), idle: makeRoomForTheNext(server) };
  // All are looked at: their size is bounded, and of more than two thousand Node would drop the rest.
  server.maxHeadersCount = 0;
  // Who closes its sending half still waits for the answer, if there will be an end to it.
  Object.assign(server, { httpAllowHalfOpen: true });
  // Each request that waits on a connection may listen for its end, beside Node itself.
  server.on('connection', (socket: Socket) => void socket.setMaxListeners(2 * LIMITS.pipelined));
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    void serveRequest(request, response, parts, load);
  };
  server.on('request', serve);
  // It is invited to send its body when it is known that it may.
  server.on('checkContinue', serve);
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    sendError(response, new SupervisorError('REQUEST_INVALID', 'The request has an Expect header that is not known'));
  });
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    endRaw(socket, new SupervisorError('METHOD_UNKNOWN', 'There is nothing to connect to here'));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => endRaw(socket, toProtocolError(error)));
  return server;
}

async function serveRequest(request: IncomingMessage, response: ServerResponse, parts: ControlServerParts, load: Load): Promise<void> {
  // A client that goes away breaks its own stream only.
  response.on('error', () => response.destroy());
  request.on('error', () => undefined);
  if (!isPaced(request.socket, response, load)) return;
  load.requests += 1;
  try {
    if (load.requests > LIMITS.requests) throw new SupervisorError('DAEMON_BUSY', `The daemon serves ${LIMITS.requests} requests already`);
    await answerRequest(request, response, parts.handlers, load);
  } catch (error) {
    const failure = toSupervisorError(error);
    if (failure.code === 'INTERNAL_FAULT') parts.onFault(failure);
    sendError(response, failure);
  } finally {
    load.requests -= 1;
  }
}

/** Each request that waits for its answer holds memory, and thousands fit into one packet: such a client is cut off. */
function isPaced(socket: Socket, response: ServerResponse, { unanswered, idle }: Load): boolean {
  const waiting = (unanswered.get(socket) ?? 0) + 1;
  if (waiting > LIMITS.pipelined) {
    socket.destroy();
    return false;
  }
  unanswered.set(socket, waiting);
  idle.leave(socket);
  response.once('close', () => {
    const left = (unanswered.get(socket) ?? 1) - 1;
    unanswered.set(socket, left);
    if (left === 0) idle.join(socket);
  });
  return true;
}

async function answerRequest(request: IncomingMessage, response: ServerResponse, handlers: Handlers, load: Load): Promise<void> {
  refuseForeign(request);
  const { name, fields } = matchCall(request.method ?? '', request.url ?? '');
  if (request.headers.expect !== undefined && request.httpVersion === '1.1') response.writeContinue();
  const body = await readJsonBody(request, load.bodies);
  try {
    await callHandler(name, parseRequest(name, fields, body.json), { request, response, handlers, load, releaseBody: body.release });
  } finally {
    body.release();
  }
}

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly handlers: Handlers;
  readonly load: Load;
  readonly releaseBody: () => void;
}

async function callHandler(name: CallName, parsed: unknown, { request, response, handlers, load, releaseBody }: Call): Promise<void> {
  const context: CallContext = { ifMatch: readIfMatch(request.headers['if-match']) };
  // One handler of each kind is called with its own request: what the table of handlers says, the compiler cannot follow.
  const handler = handlers[name] as (...given: readonly unknown[]) => Promise<unknown>;
  const { answers } = CALLS[name];
  if (answers !== 'json-lines' && answers !== 'stream') {
    sendAnswer(response, await handler(parsed, context), load);
    return;
  }
  if (load.streams >= LIMITS.streams) throw new SupervisorError('DAEMON_BUSY', `The daemon serves ${LIMITS.streams} streams already`);
  load.streams += 1;
  // A stream is no request in work: it may stay for days. Who closes its sending half has left it: nothing else tells.
  load.requests -= 1;
  if (answers === 'stream') releaseBody();
  const leave = (): void => void response.destroy();
  if (answers === 'stream') request.socket.once('end', leave);
  try {
    await handler(parsed, startJsonLines(response), context);
  } finally {
    // The connection may serve many more.
    request.socket.off('end', leave);
    load.streams -= 1;
    load.requests += 1;
  }
}

function sendAnswer(response: ServerResponse, answer: unknown, load: Load): void {
  const text = typeof answer === 'string' ? answer : `${JSON.stringify(answer)}\n`;
  const bytes = Buffer.from(text);
  if (load.unreadAnswerBytes + bytes.length > LIMITS.unreadAnswerBytes)
    throw new SupervisorError('DAEMON_BUSY', 'Too many answers wait for clients that do not read them');
  load.unreadAnswerBytes += bytes.length;
  response.once('close', () => {
    load.unreadAnswerBytes -= bytes.length;
  });
  response.setTimeout(IDLE_TIMEOUT_MS, () => response.destroy());
  const revision = typeof answer === 'object' && answer !== null && 'revision' in answer && typeof answer.revision === 'number' ? answer.revision : undefined;
  response.writeHead(200, {
    'content-type': typeof answer === 'string' ? 'text/plain; version=0.0.4; charset=utf-8' : 'application/json',
    'content-length': bytes.length,
    'cache-control': 'no-store',
    ...(revision === undefined ? {} : { etag: `"${revision}"` }),
  });
  response.end(bytes);
}

function sendError(response: ServerResponse, error: SupervisorError): void {
  if (response.headersSent) {
    // A stream that fails midway: cut off is the only thing left to say.
    response.destroy();
    return;
  }
  const bytes = Buffer.from(`${JSON.stringify(error.toBody())}\n`);
  response.writeHead(ERRORS[error.code].http, { 'content-type': 'application/json', 'content-length': bytes.length, 'cache-control': 'no-store' });
  response.end(bytes);
}

/** Before there is a request to answer: written by hand, and the connection ends. */
function endRaw(socket: Duplex, error: SupervisorError): void {
  // Nobody listens any more: of a client that left meanwhile the failure would be one of this process.
  socket.on('error', () => socket.destroy());
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = `${JSON.stringify(error.toBody())}\n`;
  const head = `HTTP/1.1 ${ERRORS[error.code].http} ${error.code}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n`;
  socket.end(head + body, () => socket.destroy());
}

function toProtocolError(error: NodeJS.ErrnoException): SupervisorError {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return new SupervisorError('REQUEST_TIMED_OUT', 'The request did not arrive in time');
  if (error.code === 'HPE_HEADER_OVERFLOW') return new SupervisorError('REQUEST_TOO_LARGE', 'The headers are larger than is read');
  return new SupervisorError('REQUEST_INVALID', 'What came is not HTTP/1.1');
}

/** `"7"`, as ETag gives it; `*` is any. @throws SupervisorError REQUEST_INVALID */
function readIfMatch(header: string | undefined): number | undefined {
  if (header === undefined || header === '*') return undefined;
  const match = /^(?:W\/)?"?(\d{1,15})"?$/.exec(header.trim());
  if (match === null) throw new SupervisorError('REQUEST_INVALID', 'If-Match must be one revision in quotes');
  return Number(match[1]);
}
