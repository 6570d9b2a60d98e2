import { once } from 'node:events';
import { connect } from 'node:net';
import { errorBody } from '../../../src/api/answers.js';
import { ERRORS } from '../../../src/core/errors.js';
import { describeAttack, type Attack } from './hostile-requests.js';

/** Longer than the daemon waits for what does not come. */
const PATIENCE_MS = 60_000;
/** Streams never end, and more may come than was asked for: what came until then is what is judged. */
const QUIET_MS = 60;

export interface Outcome {
  /** Codes of the table, `ok` for a success; `cut-off` where the answer was lost to us because we were still sending. */
  readonly said: readonly string[];
}

/** Sends it and judges every answer: an error of the table with its status, or a success. Throws where it is neither, or nothing. */
export async function carryOut(socketPath: string, attack: Attack): Promise<Outcome> {
  const { answer, isBroken, failure } = await exchange(socketPath, attack);
  try {
    if (failure !== undefined) throw failure;
    const said = readAnswers(answer, attack.method);
    if (said.length === 0 && attack.manner === 'wait' && !isBroken) throw new Error('there was no answer');
    return { said: isBroken && said.length === 0 ? ['cut-off'] : said };
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n  asked: ${describeAttack(attack)}\n  answered: ${JSON.stringify(answer.toString('latin1').slice(0, 2_000))}`, { cause: error });
  }
}

async function exchange(socketPath: string, { pieces, manner }: Attack): Promise<{ readonly answer: Buffer; readonly isBroken: boolean; readonly failure: Error | undefined }> {
  const socket = connect(socketPath);
  const chunks: Buffer[] = [];
  const late = setTimeout(() => socket.destroy(new Error('no answer in time')), PATIENCE_MS);
  let failure: Error | undefined;
  let isBroken = false;
  let quiet: NodeJS.Timeout | undefined;
  socket.on('error', (error: NodeJS.ErrnoException) => {
    // Who is refused while it sends sees its pipe break, and Node then reads no more.
    if (error.code === 'EPIPE' || error.code === 'ECONNRESET') isBroken = true;
    else failure = error;
  });
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    clearTimeout(quiet);
    if (manner === 'peek') socket.destroy();
    else if (isWhole(Buffer.concat(chunks))) quiet = setTimeout(() => socket.destroy(), QUIET_MS);
  });
  const closed = once(socket, 'close').catch(() => undefined);
  for (const piece of pieces) {
    if (socket.destroyed) break;
    socket.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (manner === 'half-close') socket.end();
  // A request that is not whole yet is waited for by the daemon, for 10 s and more: it is told that nothing comes.
  else if (manner === 'leave') socket.destroy();
  else quiet = setTimeout(() => socket.end(), QUIET_MS);
  await closed;
  clearTimeout(late);
  clearTimeout(quiet);
  return { answer: Buffer.concat(chunks), isBroken, failure };
}

/** No answer is cut off in the middle; a stream never is. */
function isWhole(bytes: Buffer): boolean {
  for (let rest = bytes; rest.length > 0;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const length = Number(/^content-length: (\d+)$/im.exec(rest.subarray(0, end).toString('latin1'))?.[1] ?? 0);
    const isHead = rest.length === end + 4;
    if (!isHead && rest.length < end + 4 + length) return false;
    rest = length === 0 ? rest.subarray(rest.length) : rest.subarray(end + 4 + length);
  }
  return true;
}

/** Every answer that came whole; a success that was cut off by us is one all the same. */
function readAnswers(bytes: Buffer, method: string): string[] {
  const said: string[] = [];
  for (let rest = bytes; rest.length > 0;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) break;
    const head = rest.subarray(0, end).toString('latin1');
    const status = Number(/^HTTP\/1\.[01] (\d{3}) /.exec(head)?.[1]);
    rest = rest.subarray(end + 4);
    const isHeadOnly = method === 'HEAD' && rest[0] !== 0x7b;
    const length = isHeadOnly ? 0 : Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? Number.POSITIVE_INFINITY);
    if (status === 100) {
      said.push('continue');
      continue;
    }
    if (status === 200) said.push('ok');
    else if (isHeadOnly) said.push(String(status));
    else if (rest.length >= length) said.push(readError(status, rest.subarray(0, length)));
    else if (Number.isNaN(status) || length === Number.POSITIVE_INFINITY) throw new Error('that is no answer of ours');
    rest = rest.subarray(Math.min(rest.length, length));
  }
  return said;
}

function readError(status: number, bytes: Buffer): string {
  const { code, message } = errorBody.parse(JSON.parse(bytes.toString('utf8')));
  if (ERRORS[code].http !== status) throw new Error(`${code} came with the status ${status}`);
  if (code === 'INTERNAL_FAULT') throw new Error(`a fault that nobody foresaw: ${message}`);
  return code;
}
