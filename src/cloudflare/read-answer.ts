import type { z } from 'zod';
import { CloudflareError } from './cloudflare-error.js';
import { BodyTooLarge, type HttpAnswer, type HttpRequest } from './exchange.js';
import { deletedSchema, envelopeSchema } from './schemas.js';

/** A parsed answer that says `success`. */
export type Envelope = z.infer<typeof envelopeSchema>;

export interface ReadContext {
  readonly method: HttpRequest['method'];
  /** What was tried, as a gerund with its object: begins every message. */
  readonly doing: string;
  /** Must not appear in a message, whatever Cloudflare puts into its own. */
  readonly secrets: readonly string[];
  /** Wall clock, for a Retry-After that is a date. */
  readonly now: number;
}

/** Cloudflare's own window of requests: whoever waited that long may ask again, whatever a Retry-After says. */
export const LONGEST_RETRY_AFTER_MS = 300_000;

/** Reads an answer as Cloudflare's envelope, or throws what it means. */
export function readAnswer(answer: HttpAnswer, context: ReadContext): Envelope {
  const { status } = answer;
  const { doing } = context;
  const envelope = parseEnvelope(answer.body, context.method === 'DELETE' && status < 300);
  const said = envelope === undefined ? '' : describeErrors(envelope, context.secrets);
  const apiCodes = envelope?.errors.map((error) => error.code) ?? [];

  if (status === 429) {
    const retryAfterMs = parseRetryAfter(answer.retryAfter, context.now);
    const when = retryAfterMs === undefined ? '' : ` for ${Math.ceil(retryAfterMs / 1000)} s`;
    throw new CloudflareError('CLOUDFLARE_THROTTLED', `${doing}: Cloudflare allows no more requests${when}.`, {
      status, apiCodes, retriable: true, uncertain: false, ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
  if (status >= 500) {
    const retryAfterMs = parseRetryAfter(answer.retryAfter, context.now);
    throw new CloudflareError('CLOUDFLARE_UNREACHABLE', `${doing}: Cloudflare answered ${status}${said}.`, {
      status, apiCodes, retriable: true, uncertain: true, ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
  if (envelope === undefined) {
    const kind = answer.contentType.split(';')[0]?.trim() || 'no content type';
    throw new CloudflareError('CLOUDFLARE_UNEXPECTED', `${doing}: the answer (${status}, ${kind}) is not Cloudflare's.`, {
      status: undefined, apiCodes, retriable: false, uncertain: status < 400,
    });
  }
  if (status === 401) {
    throw new CloudflareError('ORIGIN_CERT_REFUSED', `${doing}: Cloudflare does not accept the certificate's token${said}.`, { status, apiCodes, retriable: false, uncertain: false });
  }
  if (status >= 400 || !envelope.success) {
    throw new CloudflareError('CLOUDFLARE_REFUSED', `${doing}: Cloudflare answered ${status}${said}.`, { status, apiCodes, retriable: false, uncertain: false });
  }
  if (status >= 300) {
    throw new CloudflareError('CLOUDFLARE_UNEXPECTED', `${doing}: the answer is a redirect (${status}).`, { status, apiCodes, retriable: false, uncertain: false });
  }
  return envelope;
}

/** The result as a type, or CLOUDFLARE_UNEXPECTED with the field that is wrong, never with its value. */
export function readResult<T extends z.ZodType>(schema: T, result: unknown, doing: string): z.infer<T> {
  const parsed = schema.safeParse(result);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue === undefined || issue.path.length === 0 ? 'the result' : `"${issue.path.join('.')}"`;
  throw new CloudflareError('CLOUDFLARE_UNEXPECTED', `${doing}: ${field} of the answer cannot be read.`, { status: undefined, apiCodes: [], retriable: false, uncertain: true });
}

const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);
const UNTRUSTED = /^(?:CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_CERT)/;

/** No answer came: what the network said, as ours. */
export function readNetworkFailure(thrown: unknown, doing: string): CloudflareError {
  if (thrown instanceof BodyTooLarge) {
    return new CloudflareError('CLOUDFLARE_UNEXPECTED', `${doing}: ${thrown.message}.`, { status: undefined, apiCodes: [], retriable: false, uncertain: true });
  }
  const code = codeOf(thrown);
  const reason = code ?? (thrown instanceof Error ? thrown.name : 'unknown');
  const untrusted = code !== undefined && UNTRUSTED.test(code);
  const message = untrusted
    ? `${doing}: the server's certificate is not trusted (${reason}).`
    : `${doing}: no answer from Cloudflare (${reason}).`;
  return new CloudflareError('CLOUDFLARE_UNREACHABLE', message, {
    status: undefined, apiCodes: [], retriable: !untrusted, uncertain: !untrusted && !(code !== undefined && NOT_SENT.has(code)), cause: thrown,
  });
}

function codeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  if ('code' in thrown && typeof thrown.code === 'string') return thrown.code;
  // Several addresses were tried: the first failure stands for all.
  if (thrown instanceof AggregateError) return codeOf(thrown.errors[0]);
  return codeOf(thrown.cause);
}

/** `isDeleted`: the answer to a DELETE that was carried out. */
function parseEnvelope(body: string, isDeleted: boolean): Envelope | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    // HTML of a proxy, or cut off: not an envelope, and the caller says so.
    return undefined;
  }
  const parsed = envelopeSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const deleted = isDeleted ? deletedSchema.safeParse(value) : undefined;
  return deleted?.success === true ? { success: true, errors: [], result: deleted.data.result, result_info: undefined } : undefined;
}

function describeErrors(envelope: Envelope, secrets: readonly string[]): string {
  if (envelope.errors.length === 0) return '';
  const all = envelope.errors.flatMap((error) => [error, ...error.error_chain]);
  const text = all.slice(0, 4).map((error) => `${error.message || 'no message'} (code ${error.code})`).join('; ');
  // Their text goes to people and logs: one line, of bounded length, without what we sent in confidence.
  const clean = secrets.reduce((line, secret) => line.replaceAll(secret, '[redacted]'), text.replaceAll(/\p{Cc}+/gu, ' '));
  return `: ${clean.slice(0, 400)}`;
}

/** Seconds, or an HTTP date. Undefined where it is neither, or over. */
function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  const text = value?.trim() ?? '';
  let waitMs = Number.NaN;
  if (/^\d+$/.test(text)) waitMs = Number(text) * 1000;
  // `Date.parse` takes almost anything for a date.
  else if (/^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text)) waitMs = Date.parse(text) - now;
  return waitMs > 0 ? Math.min(waitMs, LONGEST_RETRY_AFTER_MS) : undefined;
}
