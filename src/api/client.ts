import { SupervisorError } from '../core/errors.js';
import type { AnswerOf, EventLine } from './answers.js';
import { CALLS, type CallName } from './calls.js';
import { followEvents, type FollowOptions } from './event-stream.js';
import type { RequestOf } from './requests.js';
import { readJsonLines, readText, sendRequest } from './transport.js';

export { SupervisorError } from '../core/errors.js';
export type { ErrorBody, ErrorCode, Problem } from '../core/errors.js';
export type { AnswerOf, EventLine } from './answers.js';
export type { RequestOf } from './requests.js';

export interface ClientOptions {
  /** `control.sock` of the base directory. */
  readonly socketPath: string;
  /** For calls that only read, to the first byte; 10 s by default. A change takes as long as it takes. */
  readonly readTimeoutMs?: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface ChangeOptions extends CallOptions {
  /** Refuse with REVISION_CHANGED unless this is still the current revision. */
  readonly ifMatch?: number;
}

/**
 * A client of the daemon's control API. Every method rejects with a `SupervisorError`: the daemon's own, or
 * DAEMON_UNREACHABLE. Going away, or aborting the signal, never cancels a change that the daemon accepted.
 */
export interface SupervisorClient {
  status(options?: CallOptions): Promise<AnswerOf<'status'>>;
  readForwarding(options?: CallOptions): Promise<AnswerOf<'readForwarding'>>;
  replaceForwarding(request: RequestOf<'replaceForwarding'>, options?: ChangeOptions): Promise<AnswerOf<'replaceForwarding'>>;
  addRule(request: RequestOf<'addRule'>, options?: ChangeOptions): Promise<AnswerOf<'addRule'>>;
  removeRule(request: RequestOf<'removeRule'>, options?: ChangeOptions): Promise<AnswerOf<'removeRule'>>;
  /** Answers at once; events after `seq` of the answer tell how it goes on. */
  startSetup(request?: RequestOf<'startSetup'>, options?: CallOptions): Promise<AnswerOf<'startSetup'>>;
  cancelSetup(options?: CallOptions): Promise<AnswerOf<'cancelSetup'>>;
  /** Answers when a connector of ours serves the tunnel; those of others are not touched. */
  importTunnel(request: RequestOf<'importTunnel'>, options?: CallOptions): Promise<AnswerOf<'importTunnel'>>;
  /** A snapshot, then what happens; reconnects by itself where it is told to. Ends when the signal is aborted. */
  events(options?: FollowOptions): AsyncGenerator<EventLine, void, undefined>;
  logs(request?: RequestOf<'logs'>, options?: CallOptions): AsyncGenerator<AnswerOf<'logs'>, void, undefined>;
  exposePorts(request: RequestOf<'exposePorts'>, options?: CallOptions): Promise<AnswerOf<'exposePorts'>>;
  reconcile(request?: RequestOf<'reconcile'>, options?: CallOptions): Promise<AnswerOf<'reconcile'>>;
  portacode(command: RequestOf<'portacode'>, options?: CallOptions): AsyncGenerator<AnswerOf<'portacode'>, void, undefined>;
  listRevisions(options?: CallOptions): Promise<AnswerOf<'listRevisions'>>;
  rollback(request?: RequestOf<'rollback'>, options?: ChangeOptions): Promise<AnswerOf<'rollback'>>;
  disconnect(request?: RequestOf<'disconnect'>, options?: CallOptions): Promise<AnswerOf<'disconnect'>>;
  /** Answers when the new cloudflared serves, or was taken back; events tell how the download goes. */
  upgrade(request?: RequestOf<'upgrade'>, options?: CallOptions): Promise<AnswerOf<'upgrade'>>;
  /** Answers before the daemon stops. */
  stopDaemon(request?: RequestOf<'stopDaemon'>, options?: CallOptions): Promise<AnswerOf<'stopDaemon'>>;
  metrics(options?: CallOptions): Promise<string>;
}

export function createClient(settings: ClientOptions): SupervisorClient {
  const readTimeoutMs = settings.readTimeoutMs ?? 10_000;

  const open = async (name: CallName, request: Readonly<Record<string, unknown>>, options: ChangeOptions) => {
    const call = CALLS[name];
    const { path, rest } = fillPath(call.path, request);
    const hasBody = call.method === 'PUT' || call.method === 'POST';
    const answer = await sendRequest({
      socketPath: settings.socketPath,
      method: call.method,
      path: hasBody ? path : path + toQuery(rest),
      ...(hasBody ? { body: rest } : {}),
      headers: options.ifMatch === undefined ? {} : { 'if-match': `"${options.ifMatch}"` },
      signal: options.signal,
      timeoutMs: call.method === 'GET' ? readTimeoutMs : 0,
    });
    return answer.body;
  };

  const json = async <C extends CallName>(name: C, request: object = {}, options: ChangeOptions = {}): Promise<AnswerOf<C>> => {
    const text = await readText(await open(name, { ...request }, options));
    try {
      return JSON.parse(text) as AnswerOf<C>;
    } catch (error) {
      throw new SupervisorError('DAEMON_UNREACHABLE', 'The answer of the daemon was cut off', { cause: error });
    }
  };

  async function* lines<C extends CallName>(name: C, request: object, options: CallOptions): AsyncGenerator<AnswerOf<C>, void, undefined> {
    const body = await open(name, { ...request }, options);
    try {
      for await (const line of readJsonLines(body)) yield line as AnswerOf<C>;
    } catch (error) {
      if (options.signal?.aborted === true) return;
      throw new SupervisorError('DAEMON_UNREACHABLE', 'The daemon went away while it answered', { cause: error });
    } finally {
      body.destroy();
    }
  }

  return {
    status: (options) => json('status', {}, options),
    readForwarding: (options) => json('readForwarding', {}, options),
    replaceForwarding: (request, options) => json('replaceForwarding', request, options),
    addRule: (request, options) => json('addRule', request, options),
    removeRule: (request, options) => json('removeRule', request, options),
    startSetup: (request, options) => json('startSetup', request, options),
    importTunnel: (request, options) => json('importTunnel', request, options),
    cancelSetup: (options) => json('cancelSetup', {}, options),
    events: (options = {}) => followEvents((since, signal) => lines('events', since === undefined ? {} : { since }, { signal }), options),
    logs: (request = {}, options = {}) => lines('logs', request, options),
    exposePorts: (request, options) => json('exposePorts', request, options),
    reconcile: (request, options) => json('reconcile', request, options),
    portacode: (command, options = {}) => lines('portacode', command, options),
    listRevisions: (options) => json('listRevisions', {}, options),
    rollback: (request, options) => json('rollback', request, options),
    disconnect: (request, options) => json('disconnect', request, options),
    upgrade: (request, options) => json('upgrade', request, options),
    stopDaemon: (request, options) => json('stopDaemon', request, options),
    metrics: async (options = {}) => readText(await open('metrics', {}, options)),
  };
}

/** Puts the fields that the path names into it, and returns the others. */
function fillPath(template: string, request: Readonly<Record<string, unknown>>): { path: string; rest: Record<string, unknown> } {
  const rest = { ...request };
  const path = template.replaceAll(/\{(\w+)\}/g, (_, field: string) => {
    const value = rest[field];
    delete rest[field];
    return encodeURIComponent(typeof value === 'string' ? value : JSON.stringify(value));
  });
  return { path, rest };
}

function toQuery(fields: Readonly<Record<string, unknown>>): string {
  const query = new URLSearchParams();
  for (const [field, value] of Object.entries(fields)) if (value !== undefined) query.set(field, typeof value === 'string' ? value : JSON.stringify(value));
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}
