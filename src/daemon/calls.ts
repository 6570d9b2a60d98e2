import type { AnswerOf } from '../api/answers.js';
import type { CALLS, CallName } from '../api/calls.js';
import type { ParsedRequest } from '../api/requests.js';
import type { LineWriter } from './json-lines.js';

export interface CallContext {
  /** The revision that the client read, where it said so. */
  readonly ifMatch: number | undefined;
}

type Handler<C extends CallName> = (typeof CALLS)[C]['answers'] extends 'json-lines' | 'stream'
  ? (request: ParsedRequest<C>, writer: LineWriter, context: CallContext) => Promise<void>
  : (request: ParsedRequest<C>, context: CallContext) => Promise<AnswerOf<C>>;

/** What the daemon does for each call. Does not compile where one is missing. */
export type Handlers = { readonly [C in CallName]: Handler<C> };
