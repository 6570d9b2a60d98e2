import type { Context } from '../command-line/context.js';
import { Failure, messageOf } from '../failure.js';
import { call, type Answer } from '../net/call.js';
import { userAgent, VERSION } from '../version.js';
import type { OriginCert } from './origin-cert.js';

const TIMEOUT_MS = 15_000;
const FED_API = 'https://api.fed.cloudflare.com/client/v4';

interface Envelope {
  readonly success?: boolean;
  readonly errors?: readonly { readonly code?: number | string; readonly message?: string }[] | null;
  readonly result?: unknown;
  readonly result_info?: { readonly count?: number; readonly per_page?: number; readonly total_count?: number };
}

export interface Tunnel {
  readonly id: string;
  readonly name: string;
}

export interface RouteResult {
  /** `new`, `updated` or `unchanged`. */
  readonly cname?: string;
  readonly name?: string;
}

function problemsOf(envelope: Envelope): string | undefined {
  const texts = (envelope.errors ?? []).map((error) => `code: ${error.code ?? ''}, reason: ${error.message ?? ''}`);
  if (texts.length === 0) return undefined;
  return texts.length === 1 ? texts[0] : `API errors: ${texts.map((text) => `${text}; `).join('')}`;
}

function parseEnvelope(answer: Answer): Envelope {
  let envelope: Envelope;
  try {
    envelope = JSON.parse(answer.body) as Envelope;
  } catch (error) {
    throw new Failure(`failed to decode response: ${messageOf(error)}`);
  }
  const problems = problemsOf(envelope);
  if (problems !== undefined) throw new Failure(problems);
  if (envelope.success !== true) throw new Failure('API call failed');
  return envelope;
}

const STATUS_MESSAGES: Readonly<Record<number, string>> = { 400: 'incorrect request parameters', 401: 'unauthorized', 403: 'unauthorized', 404: 'not found' };
const STATUS_NAMES: Readonly<Record<number, string>> = {
  429: 'Too Many Requests', 500: 'Internal Server Error', 502: 'Bad Gateway', 503: 'Service Unavailable', 504: 'Gateway Timeout',
};

function refusal(doing: string, answer: Answer): Failure {
  if (answer.contentType === 'application/json') {
    try {
      const problems = problemsOf(JSON.parse(answer.body) as Envelope);
      if (problems !== undefined) return new Failure(`Failed to ${doing}: ${problems}`);
    } catch {
      // A body that is no JSON leaves the status to speak.
      return new Failure(`API call to ${doing} failed with status ${answer.status}: ${STATUS_NAMES[answer.status] ?? ''}`);
    }
  }
  return new Failure(STATUS_MESSAGES[answer.status] ?? `API call to ${doing} failed with status ${answer.status}: ${STATUS_NAMES[answer.status] ?? ''}`);
}

/** Speaks to the account's API with the origin cert's token: no proxy, 15 s, never again. */
export class ApiClient {
  readonly #base: string;
  readonly #cert: OriginCert;

  constructor(context: Context, cert: OriginCert) {
    this.#base = (cert.endpoint === 'fed' ? FED_API : context.text('api-url')).replace(/\/$/u, '');
    this.#cert = cert;
  }

  async #send(method: 'GET' | 'PUT', path: string, body?: unknown): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    try {
      return await call({
        method,
        url: `${this.#base}${path}`,
        headers: {
          'User-Agent': userAgent(VERSION),
          Authorization: `Bearer ${this.#cert.apiToken}`,
          Accept: 'application/json;version=1',
          ...(text === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(text)) }),
        },
        ...(text === undefined ? {} : { body: text }),
        timeoutMs: TIMEOUT_MS,
        usesProxy: false,
      });
    } catch (error) {
      throw new Failure(`REST request failed: ${messageOf(error)}`);
    }
  }

  /** Makes the name's record lead to the tunnel. */
  async routeDns(tunnelId: string, hostname: string, overwrites: boolean): Promise<RouteResult> {
    const answer = await this.#send('PUT', `/zones/${this.#cert.zoneId}/tunnels/${tunnelId}/routes`, { type: 'dns', user_hostname: hostname, overwrite_existing: overwrites });
    if (answer.status !== 200) throw refusal('add route', answer);
    const { result } = parseEnvelope(answer);
    return typeof result === 'object' && result !== null ? result : {};
  }

  /** The tunnel of this name that is not deleted. */
  async findTunnel(name: string): Promise<Tunnel | undefined> {
    const answer = await this.#send('GET', `/accounts/${this.#cert.accountId}/cfd_tunnel?is_deleted=false&name=${encodeURIComponent(name)}&page=1`);
    if (answer.status !== 200) throw new Failure(`Error Parsing page 1: REST request failed: ${refusal('list tunnels', answer).message}`);
    const { result } = parseEnvelope(answer);
    return Array.isArray(result) ? (result as readonly Tunnel[])[0] : undefined;
  }
}
