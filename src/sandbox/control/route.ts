import type { z } from 'zod';

import type { ControlTarget } from './target.js';

export interface ControlCall {
  readonly target: ControlTarget;
  readonly query: URLSearchParams;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
  param(name: string): string;
  body<T>(schema: z.ZodType<T>): T;
}

/** What `answer` returns goes out as JSON; undefined is 204. A ControlRefusal is said with its status. */
export interface ControlRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below `/control/`; `:name` is one segment. */
  readonly path: string;
  answer(call: ControlCall): unknown;
}

/** Something that is not there, or that cannot be: the message goes to whoever asked. */
export class ControlRefusal extends Error {
  override readonly name = 'ControlRefusal';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}
