import type { IncomingMessage } from 'node:http';
import { SupervisorError } from '../core/errors.js';
import { nextTurn } from '../core/turns.js';

/** Ten thousand rules with options fit four times. */
const BODY_BYTES = 8 * 1024 * 1024;
/** Of all requests that are being read, or wait for their turn: what they were parsed into takes some times as much. */
const ALL_BODIES_BYTES = 64 * 1024 * 1024;
/** Nothing that we take is deeper than ten; deeper input only overflows somebody's stack. */
const NESTING_DEPTH = 32;
/** What a piece takes beside its bytes: a body may come one byte at a time. */
const PIECE_BYTES = 128;
const LARGE_BYTES = 256 * 1024;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Shared by all requests of a server: what they hold together is bounded too. */
export interface BodyBudget {
  heldBytes: number;
}

export interface JsonBody {
  /** Undefined where there is none. */
  readonly json: unknown;
  /** Until then its bytes count: a change that waits its turn holds all that was made of them. Idempotent. */
  readonly release: () => void;
}

/** @throws SupervisorError */
export async function readJsonBody(request: IncomingMessage, budget: BodyBudget): Promise<JsonBody> {
  const held = { bytes: 0 };
  const release = (): void => {
    budget.heldBytes -= held.bytes;
    held.bytes = 0;
  };
  try {
    const bytes = await readBytes(request, budget, held);
    // Ten thousand rules take 50 ms: not several such bodies in one go.
    if (bytes.length > LARGE_BYTES) await nextTurn();
    const json = decodeJson(bytes);
    if (bytes.length > LARGE_BYTES) await nextTurn();
    return { json, release };
  } catch (error) {
    release();
    throw error;
  }
}

function decodeJson(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (error) {
    throw new SupervisorError('REQUEST_INVALID', 'The body is not valid UTF-8', { cause: error });
  }
  return parseJson(text);
}

/** @throws SupervisorError REQUEST_INVALID: no JSON, or nested too deeply. */
export function parseJson(text: string): unknown {
  if (isDeeperThan(text, NESTING_DEPTH)) throw new SupervisorError('REQUEST_INVALID', `The body is nested deeper than ${NESTING_DEPTH} levels`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SupervisorError('REQUEST_INVALID', 'The body is not JSON', { cause: error });
  }
}

/** By events, since leaving a `for await` early would close the connection before the error is answered. */
async function readBytes(request: IncomingMessage, budget: BodyBudget, held: { bytes: number }): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > BODY_BYTES) throw tooLarge();
  const chunks: Buffer[] = [];
  let length = 0;
  await new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      length += chunk.length;
      held.bytes += chunk.length + PIECE_BYTES;
      budget.heldBytes += chunk.length + PIECE_BYTES;
      chunks.push(chunk);
      if (length > BODY_BYTES || held.bytes > 2 * BODY_BYTES) refuse(tooLarge());
      else if (budget.heldBytes > ALL_BODIES_BYTES) refuse(new SupervisorError('DAEMON_BUSY', 'The daemon holds as much of requests as it can'));
    };
    // What still comes is read and dropped, so that the client gets to its answer.
    const refuse = (error: SupervisorError): void => {
      request.off('data', take);
      request.resume();
      reject(error);
    };
    request.on('data', take);
    request.once('end', resolve);
    request.once('close', () => refuse(new SupervisorError('REQUEST_INVALID', 'The body was cut off')));
  });
  return Buffer.concat(chunks, length);
}

const tooLarge = (): SupervisorError => new SupervisorError('REQUEST_TOO_LARGE', `The body is larger than ${BODY_BYTES} bytes`);

/** Counts brackets outside strings, without building anything. */
function isDeeperThan(text: string, limit: number): boolean {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (inString) {
      if (unit === BACKSLASH) index += 1;
      else if (unit === QUOTE) inString = false;
    } else if (unit === QUOTE) inString = true;
    else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) {
      depth += 1;
      if (depth > limit) return true;
    } else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) depth -= 1;
  }
  return false;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
