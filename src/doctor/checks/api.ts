import { SupervisorError } from '../../core/errors.js';
import { CLOUDFLARE_API_URL } from '../../cloudflare/origin-cert.js';
import { createDispatcher } from '../../host/http.js';
import { redact } from '../../host/redact.js';
import { loadUndici } from '../../host/undici.js';
import { fail, failWith, pass, type Check } from '../check.js';
import type { DoctorScope } from '../scope.js';

const API = 'api';
const CLOCK = 'clock';
const TIMEOUT_MS = 10_000;
/** Certificates are valid for weeks; tokens and logs of two machines can be compared up to here. */
const MAX_SKEW_MS = 120_000;
const MAX_ANSWER_CHARACTERS = 1_000_000;

/** Whether the API answers, to a question without a token, and whether its clock and ours agree. */
export async function checkApi({ apiUrl = CLOUDFLARE_API_URL, environment, signal }: Pick<DoctorScope, 'apiUrl' | 'environment' | 'signal'>, now: () => number = Date.now): Promise<readonly Check[]> {
  const answer = await ask(apiUrl, environment, signal).catch((error: unknown) => error);
  if (!isAnswer(answer)) return [toUnreachable(apiUrl, answer), pass(CLOCK, 'not compared: nobody could be asked')];
  return [judgeApi(apiUrl, answer), judgeClock(answer.date, now())];
}

interface Answer {
  readonly text: string;
  readonly date: string | undefined;
}

const isAnswer = (value: unknown): value is Answer => typeof value === 'object' && value !== null && 'text' in value;

async function ask(apiUrl: string, env: DoctorScope['environment'], interruption: AbortSignal | undefined): Promise<Answer> {
  const dispatcher = await createDispatcher({ env, connectTimeoutMs: TIMEOUT_MS, headersTimeoutMs: TIMEOUT_MS, bodyTimeoutMs: TIMEOUT_MS });
  try {
    const { request } = await loadUndici();
    const signal = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(interruption === undefined ? [] : [interruption])]);
    const { headers, body } = await request(`${apiUrl}/zones`, { dispatcher, headers: { accept: 'application/json' }, signal });
    const { date } = headers;
    return { text: (await body.text()).slice(0, MAX_ANSWER_CHARACTERS), date: typeof date === 'string' ? date : undefined };
  } finally {
    await dispatcher.destroy();
  }
}

function toUnreachable(apiUrl: string, error: unknown): Check {
  // A proxy or a certificate that cannot be used has its own code.
  if (error instanceof SupervisorError) return failWith(API, error);
  return fail(API, 'CLOUDFLARE_UNREACHABLE', `${apiUrl} cannot be reached: ${redact(error instanceof Error ? error.message : String(error))}`, 'Check the network and the proxy variables.');
}

/** Without a token it refuses; but in its own words, and not in those of a proxy or a login page. */
function judgeApi(apiUrl: string, { text }: Answer): Check {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'success' in value) return pass(API, `${apiUrl} can be reached`);
  } catch {
    // Not JSON: said below.
  }
  return fail(API, 'CLOUDFLARE_UNEXPECTED', `${apiUrl} answers with something that is not Cloudflare's API.`);
}

/** Pure. */
export function judgeClock(date: string | undefined, now: number): Check {
  const theirs = date === undefined ? Number.NaN : Date.parse(date);
  if (Number.isNaN(theirs)) return pass(CLOCK, 'not compared: the API does not say what time it is');
  const skewMs = now - theirs;
  if (Math.abs(skewMs) <= MAX_SKEW_MS) return pass(CLOCK, 'agrees with that of the API');
  return fail(CLOCK, 'CLOCK_WRONG', `The clock is ${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? 'ahead of' : 'behind'} that of the API.`);
}
