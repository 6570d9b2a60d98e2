import { CapnpError } from './capnp-error.js';
import type { Segments } from './framing.js';
import { readRoot, type StructReader } from './message-reader.js';

/**
 * The messages of Cap'n Proto RPC (level 1 as far as cloudflared speaks it), decoded.
 * Layout: https://github.com/capnproto/capnproto/blob/v2/c++/src/capnp/rpc.capnp
 */

export const MESSAGE_KIND = {
  unimplemented: 0, abort: 1, call: 2, return: 3, finish: 4, resolve: 5, release: 6, bootstrap: 8, disembargo: 13,
} as const;

/** What a call is made on: a capability the receiver gave, or one in an answer that may still be on its way. */
export type CallTarget =
  | { readonly kind: 'import'; readonly id: number }
  | { readonly kind: 'answer'; readonly questionId: number; readonly path: readonly number[] };

export type Outcome =
  /** `capability` is the id under which the sender hosts what the result is, where it is a capability. */
  | { readonly kind: 'results'; readonly content: StructReader | undefined; readonly capability: number | undefined }
  | { readonly kind: 'exception'; readonly reason: string }
  | { readonly kind: 'canceled' }
  | { readonly kind: 'unknown' };

export type RpcMessage =
  | { readonly kind: 'unimplemented' }
  | { readonly kind: 'abort'; readonly reason: string }
  | { readonly kind: 'bootstrap'; readonly questionId: number }
  | { readonly kind: 'call'; readonly questionId: number; readonly target: CallTarget | undefined; readonly interfaceId: bigint; readonly methodId: number; readonly params: StructReader | undefined }
  | { readonly kind: 'return'; readonly answerId: number; readonly outcome: Outcome }
  | { readonly kind: 'finish'; readonly questionId: number }
  | { readonly kind: 'release'; readonly id: number }
  /** `which` is what to say back: unimplemented. */
  | { readonly kind: 'unknown'; readonly which: number };

/** Throws CapnpError where the message is none. */
export function readMessage(segments: Segments): RpcMessage {
  const root = readRoot(segments);
  const which = root.getUint16(0);
  const body = (): StructReader => {
    const struct = root.getStruct(0);
    if (struct === undefined) throw new CapnpError('an RPC message without a body');
    return struct;
  };
  switch (which) {
    case MESSAGE_KIND.unimplemented:
      return { kind: 'unimplemented' };
    case MESSAGE_KIND.abort:
      return { kind: 'abort', reason: body().getText(0) };
    case MESSAGE_KIND.bootstrap:
      return { kind: 'bootstrap', questionId: body().getUint32(0) };
    case MESSAGE_KIND.call:
      return readCall(body());
    case MESSAGE_KIND.return:
      return { kind: 'return', answerId: body().getUint32(0), outcome: readOutcome(body()) };
    case MESSAGE_KIND.finish:
      return { kind: 'finish', questionId: body().getUint32(0) };
    case MESSAGE_KIND.release:
      return { kind: 'release', id: body().getUint32(0) };
    default:
      return { kind: 'unknown', which };
  }
}

function readCall(call: StructReader): RpcMessage {
  return {
    kind: 'call',
    questionId: call.getUint32(0),
    target: readTarget(call.getStruct(0)),
    interfaceId: call.getUint64(8),
    methodId: call.getUint16(4),
    params: call.getStruct(1)?.getStruct(0),
  };
}

const GET_POINTER_FIELD = 1;

function readTarget(target: StructReader | undefined): CallTarget | undefined {
  if (target === undefined) return undefined;
  switch (target.getUint16(4)) {
    case 0:
      return { kind: 'import', id: target.getUint32(0) };
    case 1: {
      const promised = target.getStruct(0);
      if (promised === undefined) return undefined;
      const steps = promised.getStructList(0).filter((step) => step.getUint16(0) === GET_POINTER_FIELD);
      return { kind: 'answer', questionId: promised.getUint32(0), path: steps.map((step) => step.getUint16(2)) };
    }
    default:
      return undefined;
  }
}

const SENDER_HOSTED = 1;
const SENDER_PROMISE = 2;

function readOutcome(answer: StructReader): Outcome {
  switch (answer.getUint16(6)) {
    case 0:
      return readResults(answer.getStruct(0));
    case 1:
      return { kind: 'exception', reason: answer.getStruct(0)?.getText(0) ?? '' };
    case 2:
      return { kind: 'canceled' };
    default:
      return { kind: 'unknown' };
  }
}

/** A bootstrap's content is a capability, a call's is a struct: only the capability table tells which is meant. */
function readResults(payload: StructReader | undefined): Outcome {
  const [descriptor] = payload?.getStructList(1) ?? [];
  if (payload === undefined || descriptor === undefined) return { kind: 'results', content: payload?.getStruct(0), capability: undefined };
  const which = descriptor.getUint16(0);
  const hosted = which === SENDER_HOSTED || which === SENDER_PROMISE;
  return { kind: 'results', content: undefined, capability: hosted ? descriptor.getUint32(4) : undefined };
}
