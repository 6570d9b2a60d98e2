import type { Dispatcher } from 'undici';
import { loadUndici } from '../host/undici.js';

/** Larger answers are not read: a full page of records is about a megabyte. */
const BODY_LIMIT_BYTES = 16 * 1024 * 1024;

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfter: string | undefined;
  readonly body: string;
}

export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

/** One request and its whole answer. Follows no redirect; rejects with what the network says, or the signal's reason. */
export async function exchange(request: HttpRequest, dispatcher: Dispatcher, signal: AbortSignal): Promise<HttpAnswer> {
  const { request: send } = await loadUndici();
  const answer = await send(request.url, {
    method: request.method,
    headers: request.headers,
    body: request.body ?? null,
    dispatcher,
    signal,
    // The signal is the time limit, of the connection too.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size > BODY_LIMIT_BYTES) throw new BodyTooLarge('the answer is larger than is read');
    chunks.push(bytes);
  }
  return {
    status: answer.statusCode,
    contentType: headerOf(answer.headers['content-type']) ?? '',
    retryAfter: headerOf(answer.headers['retry-after']),
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

const headerOf = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);
