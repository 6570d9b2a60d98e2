import type { Duplex } from 'node:stream';
import { FrameReader } from './framing.js';
import type { StructReader } from './message-reader.js';
import { frameAbort, frameCapability, frameException, frameResults, frameUnimplemented, type WritePayload } from './rpc-frames.js';
import { MESSAGE_KIND, readMessage, type RpcMessage } from './rpc-messages.js';

/** The one interface a server offers. A rejection is answered as an exception with its message. */
export type CallInterface = (interfaceId: bigint, methodId: number, params: StructReader | undefined) => Promise<WritePayload>;

const MAIN_EXPORT = 0;
/** Questions that the other side may have open at once: cloudflared never has more than two. */
const MAX_ANSWERS = 64;

type Call = Extract<RpcMessage, { kind: 'call' }>;

/** Serves one interface to the vat at the other end of a stream, until either goes. A broken peer is told, and cut. */
export function serveRpc(stream: Duplex, callInterface: CallInterface): void {
  const frames = new FrameReader();
  /** What the other side may still refer to: until it sends Finish. */
  const answers = new Map<number, 'main' | 'call'>();

  const send = (frame: Uint8Array): void => {
    if (stream.writable) stream.write(frame);
  };

  const abort = (reason: string): void => {
    send(frameAbort(reason));
    stream.removeListener('data', receive);
    stream.resume();
    stream.end();
  };

  const open = (questionId: number, kind: 'main' | 'call'): void => {
    if (answers.has(questionId)) throw new Error('rpc: question ID reused');
    if (answers.size >= MAX_ANSWERS) throw new Error('rpc: too many open questions');
    answers.set(questionId, kind);
  };

  const isMain = (target: Call['target']): boolean => {
    if (target?.kind === 'import') return target.id === MAIN_EXPORT;
    return target?.kind === 'answer' && target.path.length === 0 && answers.get(target.questionId) === 'main';
  };

  /** Never rejects. */
  const answerCall = async (call: Call): Promise<void> => {
    try {
      if (!isMain(call.target)) throw new Error('rpc: target not found');
      send(frameResults(call.questionId, await callInterface(call.interfaceId, call.methodId, call.params)));
    } catch (error) {
      send(frameException(call.questionId, error instanceof Error ? error.message : String(error)));
    }
  };

  const handle = (message: RpcMessage): void => {
    switch (message.kind) {
      case 'bootstrap':
        open(message.questionId, 'main');
        send(frameCapability(message.questionId, MAIN_EXPORT));
        return;
      case 'call':
        open(message.questionId, 'call');
        void answerCall(message);
        return;
      case 'finish':
        answers.delete(message.questionId);
        return;
      case 'abort':
        stream.end();
        return;
      case 'return':
        // We ask nothing, so nothing can be answered.
        send(frameUnimplemented(MESSAGE_KIND.return));
        return;
      case 'unknown':
        send(frameUnimplemented(message.which));
        return;
      case 'release':
      case 'unimplemented':
        return;
    }
  };

  const receive = (chunk: Uint8Array): void => {
    try {
      for (const segments of frames.push(chunk)) handle(readMessage(segments));
    } catch (error) {
      abort(error instanceof Error ? error.message : String(error));
    }
  };

  stream.on('data', receive);
}
