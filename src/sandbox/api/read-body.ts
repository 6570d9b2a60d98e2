import type { IncomingMessage } from 'node:http';

import { refusal } from '../world/refusals.js';

const BODY_MAX_BYTES = 4 * 1024 * 1024;

/** The body as JSON, undefined where there is none; throws the refusals of a body that is too large or not JSON. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_MAX_BYTES) throw refusal('BODY_TOO_LARGE');
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) throw refusal('BODY_MALFORMED');
    throw error;
  }
}
