import type { Dispatcher } from 'undici';
import type { z } from 'zod';
import type { Clock } from '../../core/clock.js';
import { DeadlineReached, withDeadline } from '../../core/deadline.js';
import { SupervisorError } from '../../core/errors.js';
import { loadUndici } from '../../host/undici.js';
import type { ProxmoxAccess } from './access.js';
import { ProxmoxError } from './proxmox-error.js';

/** One try: from the connection to the last byte. */
export const ATTEMPT_TIMEOUT_MS = 4_000;
/** A connection that was refused or cut may have met a restart of pveproxy. */
const RETRY_DELAYS_MS = [200, 600] as const;
/** The list of a large node is some hundred kilobytes. */
const LARGEST_BYTES = 8 * 1024 * 1024;

export interface ProxmoxSender {
  /** GET below `/api2/json`; what the answer holds under `data`. @throws ProxmoxError */
  get<T extends z.ZodType>(path: string, schema: T, signal: AbortSignal): Promise<z.output<T>>;
}

interface Answer {
  readonly status: number;
  /** Proxmox puts its messages here. */
  readonly statusText: string;
  readonly body: string;
}

export function createSender(access: ProxmoxAccess, dispatcher: () => Promise<Dispatcher>, clock: Clock): ProxmoxSender {
  const exchange = async (path: string, signal: AbortSignal): Promise<Answer> => {
    const [{ request }, through] = await Promise.all([loadUndici(), dispatcher()]);
    const answer = await request(`${access.origin}/api2/json${path}`, {
      headers: { authorization: access.authorization.reveal(), accept: 'application/json' },
      dispatcher: through,
      signal,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of answer.body) {
      size += (chunk as Buffer).length;
      if (size > LARGEST_BYTES) throw unexpected(access, answer.statusCode, 'the answer is larger than is read');
      chunks.push(chunk as Buffer);
    }
    return { status: answer.statusCode, statusText: answer.statusText, body: Buffer.concat(chunks).toString('utf8') };
  };

  const attempt = async (path: string, parent: AbortSignal): Promise<Answer> => {
    for (let tries = 0; ; tries += 1) {
      try {
        return await withDeadline(clock, ATTEMPT_TIMEOUT_MS, parent, (signal) => exchange(path, signal));
      } catch (thrown) {
        const failure = readFailure(thrown, access, parent);
        const delayMs = RETRY_DELAYS_MS[tries];
        if (delayMs === undefined || !isBroken(thrown)) throw failure;
        await clock.sleep(delayMs, parent).catch(() => {
          throw failure; // No time left: what failed last is the reason.
        });
      }
    }
  };

  return {
    get: async (path, schema, signal) => {
      const answer = await attempt(path, signal);
      if (answer.status !== 200) throw readRefusal(answer, access);
      const parsed = schema.safeParse(readData(answer, access));
      if (parsed.success) return parsed.data;
      throw unexpected(access, answer.status, `"${['data', ...(parsed.error.issues[0]?.path ?? [])].map(String).join('.')}" cannot be read`);
    },
  };
}

const unexpected = ({ origin }: ProxmoxAccess, status: number, why: string): ProxmoxError =>
  new ProxmoxError('PROXMOX_UNEXPECTED', `Proxmox at ${origin}: ${why}`, { status, concernsAll: false });

function readData({ body, status }: Answer, access: ProxmoxAccess): unknown {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    throw unexpected(access, status, 'the answer is not JSON');
  }
  if (typeof json !== 'object' || json === null || !('data' in json)) throw unexpected(access, status, 'the answer holds no data');
  return json.data;
}

function readRefusal(answer: Answer, { origin }: ProxmoxAccess): ProxmoxError {
  const { status } = answer;
  const said = describe(answer);
  if (status === 401) return new ProxmoxError('PROXMOX_REFUSED', `Proxmox at ${origin} does not accept the token${said}`, { status, concernsAll: true });
  if (status === 403) return new ProxmoxError('PROXMOX_REFUSED', `Proxmox at ${origin} does not let the token read this${said}`, { status, concernsAll: false });
  return new ProxmoxError('PROXMOX_UNEXPECTED', `Proxmox at ${origin} answered ${status}${said}`, { status, concernsAll: false });
}

/** Its message, as one line of bounded length. */
function describe({ statusText, body }: Answer): string {
  const inBody = /"message"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(body.slice(0, 4096))?.[1]?.replace(/\\n$/, '');
  const said = inBody === undefined || inBody === statusText ? statusText : `${statusText} ${inBody}`;
  const text = said.replaceAll(/\p{Cc}+/gu, ' ').trim().slice(0, 200);
  return text === '' ? '' : `: ${text}`;
}

const BROKEN = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN', 'UND_ERR_SOCKET', 'UND_ERR_CONNECT_TIMEOUT']);

/** The connection failed; nothing was wrong with what was asked, and it did not merely take too long. */
const isBroken = (thrown: unknown): boolean => BROKEN.has(codeOf(thrown) ?? '');

const UNTRUSTED = /^(?:CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_CERT)/;

function readFailure(thrown: unknown, { origin }: ProxmoxAccess, parent: AbortSignal): ProxmoxError {
  if (thrown instanceof ProxmoxError) return thrown;
  const facts = { status: undefined, concernsAll: true, cause: thrown };
  if (thrown instanceof SupervisorError) return new ProxmoxError('PROXMOX_UNREACHABLE', thrown.message, facts);
  if (parent.aborted || thrown instanceof DeadlineReached) return new ProxmoxError('PROXMOX_UNREACHABLE', `Proxmox at ${origin} does not answer in time`, facts);
  const code = codeOf(thrown);
  const reason = code ?? (thrown instanceof Error ? thrown.message : String(thrown));
  if (code !== undefined && UNTRUSTED.test(code)) return new ProxmoxError('PROXMOX_UNREACHABLE', `The certificate of Proxmox at ${origin} is not trusted (${reason})`, facts);
  return new ProxmoxError('PROXMOX_UNREACHABLE', `Proxmox at ${origin} does not answer (${reason})`, facts);
}

function codeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  // Several addresses were tried: the first failure stands for all.
  if (thrown instanceof AggregateError) return codeOf(thrown.errors[0]);
  if ('code' in thrown && typeof thrown.code === 'string') return thrown.code;
  return codeOf(thrown.cause);
}
