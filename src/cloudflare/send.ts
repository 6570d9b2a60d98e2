import type { Dispatcher } from 'undici';
import type { z } from 'zod';
import type { Clock, Random } from '../core/clock.js';
import { withDeadline } from '../core/deadline.js';
import { SupervisorError } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import { CloudflareError } from './cloudflare-error.js';
import type { HttpRequest } from './exchange.js';
import type { Envelope } from './read-answer.js';
import type { RequestBudget } from './request-budget.js';
import { retryDelayMs } from './retry-delay.js';

/** One try; what is slower than this is taken for lost. */
export const ATTEMPT_TIMEOUT_MS = 15_000;

export interface ApiRequest {
  readonly method: HttpRequest['method'];
  /** Below the API's base, with its query. */
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>>;
  /** What is tried, as a gerund with its object: begins every message. */
  readonly doing: string;
  /** Never in a message; the token is not either. */
  readonly secrets?: readonly Secret[];
  /** A request whose answer may be lost is not sent again: the caller looks first. */
  readonly once?: boolean;
}

export interface Sender {
  /** Retries what can succeed later until the signal aborts; then rejects with the last failure. */
  send(request: ApiRequest, signal: AbortSignal): Promise<Envelope>;
  read<T extends z.ZodType>(schema: T, result: unknown, doing: string): Promise<z.infer<T>>;
}

export interface SenderOptions {
  /** With `/client/v4`. */
  readonly apiUrl: string;
  readonly token: Secret;
  /** Made when the first request goes out: undici costs memory that an idle daemon need not spend. */
  readonly dispatcher: () => Promise<Dispatcher>;
  readonly clock: Clock;
  readonly random: Random;
  readonly budget: RequestBudget;
  readonly userAgent: string;
}

export function createSender(options: SenderOptions): Sender {
  const { clock, budget } = options;
  const base = options.apiUrl.replace(/\/+$/, '');

  const attempt = async (request: ApiRequest, parent: AbortSignal): Promise<Envelope> => {
    const [{ exchange }, { readAnswer, readNetworkFailure }, dispatcher] = await Promise.all([
      import('./exchange.js'),
      import('./read-answer.js'),
      options.dispatcher(),
    ]);
    const answer = await withDeadline(clock, ATTEMPT_TIMEOUT_MS, parent, (signal) =>
      exchange(
        {
          method: request.method,
          url: `${base}${request.path}`,
          headers: {
            authorization: `Bearer ${options.token.reveal()}`,
            accept: 'application/json',
            'user-agent': options.userAgent,
            ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          body: request.body === undefined ? undefined : JSON.stringify(request.body),
        },
        dispatcher,
        signal,
      ),
    ).catch((thrown: unknown) => {
      throw readNetworkFailure(thrown, request.doing);
    });
    const secrets = [options.token, ...(request.secrets ?? [])].map((secret) => secret.reveal());
    return readAnswer(answer, { method: request.method, doing: request.doing, secrets, now: clock.now() });
  };

  return {
    async send(request, signal) {
      let last: CloudflareError | undefined;
      for (let tries = 0; ; tries += 1) {
        try {
          await budget.take(signal);
          return await attempt(request, signal);
        } catch (thrown) {
          if (signal.aborted) throw giveUp(request, signal, last);
          if (!(thrown instanceof CloudflareError) || !thrown.retriable) throw thrown;
          if (request.once === true && thrown.uncertain) throw thrown;
          last = thrown;
        }
        const delayMs = last.retryAfterMs ?? retryDelayMs(tries, options.random);
        if (last.status === 429) budget.pause(delayMs);
        try {
          await clock.sleep(delayMs, signal);
        } catch {
          throw giveUp(request, signal, last);
        }
      }
    },
    async read(schema, result, doing) {
      const { readResult } = await import('./read-answer.js');
      return readResult(schema, result, doing);
    },
  };
}

/** Why a request ended with its signal: what the canceller says, else the last failure, else that nothing came. */
function giveUp(request: ApiRequest, signal: AbortSignal, last: CloudflareError | undefined): Error {
  if (signal.reason instanceof SupervisorError) return signal.reason;
  if (last !== undefined) return last;
  return new CloudflareError('CLOUDFLARE_UNREACHABLE', `${request.doing}: no answer from Cloudflare in time.`, {
    status: undefined, apiCodes: [], retriable: true, uncertain: true, cause: signal.reason,
  });
}
