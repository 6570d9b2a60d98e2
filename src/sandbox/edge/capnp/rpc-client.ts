import type { Duplex } from 'node:stream';
import { FrameReader } from './framing.js';
import type { StructReader } from './message-reader.js';
import { frameAbort, frameBootstrap, frameCall, frameFinish, frameUnimplemented, type WritePayload } from './rpc-frames.js';
import { type CallTarget, type Outcome, readMessage, type RpcMessage } from './rpc-messages.js';

/** The call was answered with an exception, or (`answered` false) not at all. */
export class RpcFailure extends Error {
  override readonly name = 'RpcFailure';
  readonly answered: boolean;

  constructor(message: string, answered: boolean) {
    super(message);
    this.answered = answered;
  }
}

export interface RpcClient {
  /** Calls a method of the other side's main interface. Rejects with RpcFailure. */
  call(method: { readonly interfaceId: bigint; readonly methodId: number }, writeParams: WritePayload): Promise<StructReader | undefined>;
  /** Says goodbye and ends the stream; open calls fail. */
  close(): void;
}

const BOOTSTRAP = 0;

interface Question {
  resolve(content: StructReader | undefined): void;
  reject(failure: RpcFailure): void;
}

/** Asks for the main interface at once, and calls it without waiting for it, as cloudflared does. */
export function connectRpc(stream: Duplex): RpcClient {
  const frames = new FrameReader();
  const questions = new Map<number, Question>();
  let nextId = BOOTSTRAP + 1;
  let target: CallTarget = { kind: 'answer', questionId: BOOTSTRAP, path: [] };
  let over: RpcFailure | undefined;

  const send = (frame: Uint8Array): void => {
    if (stream.writable) stream.write(frame);
  };

  const end = (reason: string): void => {
    if (over !== undefined) return;
    const failure = new RpcFailure(reason, false);
    over = failure;
    for (const question of questions.values()) question.reject(failure);
    questions.clear();
    if (stream.writable) stream.end();
  };

  const settle = (id: number, outcome: Outcome): void => {
    const question = questions.get(id);
    if (question === undefined) return;
    questions.delete(id);
    if (outcome.kind === 'results') question.resolve(outcome.content);
    else question.reject(new RpcFailure(outcome.kind === 'exception' ? `rpc exception: ${outcome.reason}` : `rpc: the call was answered with ${outcome.kind}`, true));
  };

  const handle = (message: RpcMessage): void => {
    switch (message.kind) {
      case 'return': {
        const { answerId, outcome } = message;
        const capability = outcome.kind === 'results' ? outcome.capability : undefined;
        if (answerId === BOOTSTRAP) {
          if (capability !== undefined) target = { kind: 'import', id: capability };
          // A server that gives nothing to import is called through its answer, which must then stay open.
          if (capability !== undefined || outcome.kind !== 'results') send(frameFinish(BOOTSTRAP, false));
          if (outcome.kind === 'exception') end(`rpc bootstrap: ${outcome.reason}`);
        } else {
          send(frameFinish(answerId, false));
          settle(answerId, outcome);
        }
        return;
      }
      case 'abort':
        end(`rpc: aborted by the other side: ${message.reason}`);
        return;
      case 'unknown':
        send(frameUnimplemented(message.which));
        return;
      case 'bootstrap':
      case 'call':
      case 'finish':
      case 'release':
      case 'unimplemented':
        // Nothing is offered here; who asks gets no answer and gains nothing.
        return;
    }
  };

  stream.on('data', (chunk: Uint8Array) => {
    if (over !== undefined) return;
    try {
      for (const segments of frames.push(chunk)) handle(readMessage(segments));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      send(frameAbort(reason));
      end(reason);
    }
  });
  stream.once('close', () => end('rpc: the stream is closed'));
  stream.once('end', () => end('rpc: the stream has ended'));
  send(frameBootstrap(BOOTSTRAP));

  return {
    call: (method, writeParams) => {
      if (over !== undefined) return Promise.reject(over);
      const id = nextId;
      nextId += 1;
      return new Promise((resolve, reject) => {
        questions.set(id, { resolve, reject });
        send(frameCall(id, target, method, writeParams));
      });
    },
    close: () => {
      if (over !== undefined) return;
      send(frameAbort('rpc: shutdown'));
      end('rpc: shutdown');
    },
  };
}
