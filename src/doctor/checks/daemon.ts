import type { AnswerOf } from '../../api/answers.js';
import { ERRORS, type ErrorCode } from '../../core/errors.js';
import { whyNoConnector } from '../../core/status.js';
import { fail, note, pass, type Check } from '../check.js';
import type { DoctorScope } from '../scope.js';

const START = 'Start it with `cloudflared-supervisor up`.';

/** Whether a daemon answers on the socket, and is the one that it should be. */
export function checkSocket({ status, places, lockHolder, version }: Pick<DoctorScope, 'status' | 'places' | 'lockHolder' | 'version'>): Check {
  const name = 'socket';
  if (status === undefined) {
    if (lockHolder === undefined) return note(name, 'DAEMON_UNREACHABLE', 'No daemon serves.', START);
    return fail(name, 'DAEMON_UNREACHABLE', `Process ${lockHolder.pid} holds ${places.baseDir}, and nobody answers on ${places.socket}.`, 'Look into its log; where it is stuck, end it and start it again with `cloudflared-supervisor up`.');
  }
  const { pid, version: served } = status.daemon;
  if (served !== version) return note(name, 'DAEMON_OTHER_VERSION', `The daemon (pid ${pid}) is version ${served}; this program is ${version}.`, '`cloudflared-supervisor up --restart` replaces it without losing a request.');
  return pass(name, `the daemon (pid ${pid}) answers on ${places.socket}`);
}

/** One supervisor on one base directory. */
export function checkLock({ status, places, lockHolder }: Pick<DoctorScope, 'status' | 'places' | 'lockHolder'>): Check {
  const name = 'lock';
  if (lockHolder === undefined) return pass(name, status === undefined ? 'nobody holds it' : 'held by the daemon, in another container');
  const { pid, since, command } = lockHolder;
  if (status !== undefined && status.daemon.pid !== pid && status.daemon.baseDir === places.baseDir) return fail(name, 'LOCK_HELD', `Process ${pid} (${command}) has held ${places.paths.lock} since ${since}; the daemon that answers is ${status.daemon.pid}.`, 'End the one that you did not mean to start.');
  return pass(name, `held by pid ${pid} since ${since}`);
}

/** In which a connector gets ready, and a daemon starts one, where nothing is in the way. */
const START_MS = 10_000;

/** Whether what is published is served. */
export function checkConnector({ status }: Pick<DoctorScope, 'status'>, now: () => number = Date.now): Check {
  const name = 'connector';
  if (status === undefined) return note(name, 'DAEMON_UNREACHABLE', 'Not looked at: no daemon serves.', START);
  if (status.tunnel === null) return note(name, 'SETUP_REQUIRED', 'No domain is connected yet.', ERRORS.SETUP_REQUIRED.hint);
  const ready = status.connectors.find(({ state }) => state === 'ready');
  if (ready !== undefined) return pass(name, `pid ${ready.pid ?? '?'} serves ${status.tunnel.domain} with ${ready.connections} connection(s)`);
  const idle = whyNoConnector(status);
  if (idle !== undefined) return pass(name, `none: ${idle}`);
  const reason = status.attention.find(({ code }) => code in ERRORS && !EXPECTED.has(code));
  if (reason !== undefined) return fail(name, reason.code as ErrorCode, `No connector is ready: ${reason.message}`, reason.hint);
  const starting = describeStart(status, now());
  if (starting !== undefined) return note(name, 'CONNECTOR_STARTING', `No connector is ready yet: ${starting}.`, 'Look again in a few seconds.');
  return fail(name, 'CONNECTOR_NOT_READY', 'No connector is ready.');
}

/** Undefined where nothing has started just now. */
function describeStart({ connectors, daemon }: AnswerOf<'status'>, now: number): string | undefined {
  const isYoung = (startedAt: string | null): boolean => startedAt !== null && now - Date.parse(startedAt) < START_MS;
  const starting = connectors.find(({ state, startedAt }) => state === 'starting' && isYoung(startedAt));
  if (starting !== undefined) return `pid ${starting.pid ?? '?'} is starting`;
  return connectors.length === 0 && isYoung(daemon.startedAt) ? 'the daemon has just started' : undefined;
}

/** What is no trouble: said by other checks, or by the status. */
const EXPECTED: ReadonlySet<string> = new Set(['SETUP_REQUIRED', 'RUNS_AS_ROOT']);

/** What the daemon says that a person should see to. */
export function checkAttention({ status }: Pick<DoctorScope, 'status'>): Check {
  const name = 'attention';
  const [first, ...others] = status?.attention.filter(({ code }) => !EXPECTED.has(code)) ?? [];
  if (first === undefined) return pass(name, status === undefined ? 'not looked at: no daemon serves' : 'nothing waits for a person');
  return toFailure(name, first, others);
}

type Attention = AnswerOf<'status'>['attention'][number];

function toFailure(name: string, { code, message, hint }: Attention, others: readonly Attention[]): Check {
  const more = others.length === 0 ? '' : ` And: ${others.map((other) => `${other.message} (${other.code})`).join(' ')}`;
  return { name, ok: false, code, message: message + more, hint };
}
