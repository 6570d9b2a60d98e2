import { MessageBuilder, type StructBuilder } from './message-builder.js';
import { type CallTarget, MESSAGE_KIND } from './rpc-messages.js';

/** The messages of Cap'n Proto RPC that we send, each as a frame ready for the stream. */

/** Writes the struct of a call's parameters or results; `init` gives it, once, by its size. */
export type WritePayload = (init: (dataWords: number, pointerCount: number) => StructBuilder) => void;

const SENDER_HOSTED = 1;
const EXCEPTION = 1;
const FAILED = 0;

function startMessage(which: number): { readonly builder: MessageBuilder; readonly root: StructBuilder } {
  const builder = new MessageBuilder();
  const root = builder.initRoot(1, 1);
  root.setUint16(0, which);
  return { builder, root };
}

export function frameBootstrap(questionId: number): Uint8Array {
  const { builder, root } = startMessage(MESSAGE_KIND.bootstrap);
  root.initStruct(0, 1, 1).setUint32(0, questionId);
  return builder.toFrame();
}

export function frameCall(questionId: number, target: CallTarget, method: { readonly interfaceId: bigint; readonly methodId: number }, writeParams: WritePayload): Uint8Array {
  const { builder, root } = startMessage(MESSAGE_KIND.call);
  const call = root.initStruct(0, 3, 3);
  call.setUint32(0, questionId);
  call.setUint16(4, method.methodId);
  call.setUint64(8, method.interfaceId);
  const to = call.initStruct(0, 1, 1);
  if (target.kind === 'import') {
    to.setUint32(0, target.id);
  } else {
    to.setUint16(4, 1);
    to.initStruct(0, 1, 1).setUint32(0, target.questionId);
  }
  const payload = call.initStruct(1, 0, 2);
  writeParams((dataWords, pointerCount) => payload.initStruct(0, dataWords, pointerCount));
  return builder.toFrame();
}

function startReturn(answerId: number): { readonly builder: MessageBuilder; readonly answer: StructBuilder } {
  const { builder, root } = startMessage(MESSAGE_KIND.return);
  const answer = root.initStruct(0, 2, 1);
  answer.setUint32(0, answerId);
  // Stored inverted: true would release capabilities among the parameters, and we keep none.
  answer.setBool(32, true);
  return { builder, answer };
}

export function frameResults(answerId: number, writeResults: WritePayload): Uint8Array {
  const { builder, answer } = startReturn(answerId);
  const payload = answer.initStruct(0, 0, 2);
  writeResults((dataWords, pointerCount) => payload.initStruct(0, dataWords, pointerCount));
  return builder.toFrame();
}

/** The answer to a bootstrap: a capability that we host under `exportId`. */
export function frameCapability(answerId: number, exportId: number): Uint8Array {
  const { builder, answer } = startReturn(answerId);
  const payload = answer.initStruct(0, 0, 2);
  payload.setCapability(0, 0);
  for (const descriptor of payload.initStructList(1, 1, 1, 1)) {
    descriptor.setUint16(0, SENDER_HOSTED);
    descriptor.setUint32(4, exportId);
  }
  return builder.toFrame();
}

function writeException(exception: StructBuilder, reason: string): void {
  exception.setText(0, reason);
  exception.setUint16(4, FAILED);
}

export function frameException(answerId: number, reason: string): Uint8Array {
  const { builder, answer } = startReturn(answerId);
  answer.setUint16(6, EXCEPTION);
  writeException(answer.initStruct(0, 1, 1), reason);
  return builder.toFrame();
}

/** `releaseCapabilities`: what the answer gave is not wanted. */
export function frameFinish(questionId: number, releaseCapabilities: boolean): Uint8Array {
  const { builder, root } = startMessage(MESSAGE_KIND.finish);
  const finish = root.initStruct(0, 1, 0);
  finish.setUint32(0, questionId);
  finish.setBool(32, !releaseCapabilities);
  return builder.toFrame();
}

export function frameAbort(reason: string): Uint8Array {
  const { builder, root } = startMessage(MESSAGE_KIND.abort);
  writeException(root.initStruct(0, 1, 1), reason);
  return builder.toFrame();
}

/** Names the kind that was not understood; the message itself, which nobody reads, is not sent back. */
export function frameUnimplemented(which: number): Uint8Array {
  const { builder, root } = startMessage(MESSAGE_KIND.unimplemented);
  root.initStruct(0, 1, 1).setUint16(0, which);
  return builder.toFrame();
}
