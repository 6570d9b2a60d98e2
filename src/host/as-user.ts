import { fork, type ChildProcess } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { SupervisorError, type ErrorBody, type ErrorCode } from '../core/errors.js';
import { SYSTEM_PATH } from './child-environment.js';
import type { Identity } from './identity.js';
import { builtFile } from './package-files.js';

/** Who to become. */
export type UserIds = Pick<Identity, 'uid' | 'gid' | 'name' | 'home'>;

/** Node has it, its types do not. */
type PosixProcess = NodeJS.Process & { readonly initgroups?: (user: string, extraGroup: number) => void };

/**
 * Makes this very process the user's, for good: groups, gid, uid, in this order. Nothing happens where it is already.
 * Call it before the first file is touched.
 * @throws SupervisorError IDENTITY_FORBIDDEN
 */
export function becomeUser(user: UserIds): void {
  const { geteuid, setgid, setgroups, initgroups, setuid } = process as PosixProcess;
  if (geteuid === undefined || setgid === undefined || setgroups === undefined || initgroups === undefined || setuid === undefined) return;
  if (geteuid() === user.uid) return;
  if (geteuid() !== 0) throw new SupervisorError('IDENTITY_FORBIDDEN', `this process runs as uid ${geteuid()} and cannot become ${user.name} (uid ${user.uid})`);
  // Without a passwd entry there are no further groups; root's must go all the same.
  if (user.home === undefined) setgroups([user.gid]);
  else initgroups(user.name, user.gid);
  setgid(user.gid);
  setuid(user.uid);
  if (process.getuid?.() !== user.uid || process.getgid?.() !== user.gid) throw new SupervisorError('IDENTITY_FORBIDDEN', `this process could not become ${user.name} (uid ${user.uid})`);
}

export interface AsUserOptions {
  readonly timeoutMs: number;
}

/** What the child is told, and what it answers. */
export interface AsUserRequest {
  readonly user: UserIds;
  readonly module: string;
  readonly input: unknown;
}
export type AsUserAnswer = { readonly output: unknown } | { readonly error: ErrorBody };

/**
 * Does file work as the user, so that nothing of root's is left in their home: the default export of the module,
 * `async (input) => output`, both JSON. As root it runs in a child that has become the user (the module is loaded
 * before, since the user may not be able to read it); as the user themselves it runs here.
 * @throws what the function throws, as SupervisorError
 */
export async function runAsUser(user: UserIds, module: string, input: unknown, { timeoutMs }: AsUserOptions): Promise<unknown> {
  if (process.geteuid === undefined || process.geteuid() === user.uid) return (await loadWork(module))(input);
  const child = fork(builtFile('host/as-user-child'), {
    cwd: '/',
    execArgv: [],
    serialization: 'json',
    env: { PATH: SYSTEM_PATH, HOME: user.home ?? '/', USER: user.name, LOGNAME: user.name, LANG: process.env['LANG'] ?? 'C' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  const request: AsUserRequest = { user, module, input };
  const answer = await ask(child, request);
  if ('output' in answer) return answer.output;
  throw new SupervisorError(answer.error.code, answer.error.message, { hint: answer.error.hint, problems: answer.error.problems });
}

async function ask(child: ChildProcess, request: AsUserRequest): Promise<AsUserAnswer> {
  return new Promise((resolve) => {
    const fail = (code: ErrorCode, message: string): void => resolve({ error: new SupervisorError(code, message).toBody() });
    child.once('message', (answer: AsUserAnswer) => resolve(answer));
    child.once('error', (error) => fail('INTERNAL_FAULT', `no process could be started as ${request.user.name}: ${error.message}`));
    child.once('exit', (code, signal) => fail('INTERNAL_FAULT', `the process of ${request.user.name} ended without an answer (${signal ?? `exit code ${code}`})`));
    child.send(request, (error) => {
      if (error !== null) fail('INTERNAL_FAULT', `the process of ${request.user.name} cannot be told what to do: ${error.message}`);
    });
  });
}

/** A piece of work that can be done as another user. */
export type UserWork = (input: unknown) => unknown;

export async function loadWork(module: string): Promise<UserWork> {
  const loaded: unknown = await import(pathToFileURL(module).href);
  if (typeof loaded === 'object' && loaded !== null && 'default' in loaded && typeof loaded.default === 'function') return loaded.default as UserWork;
  throw new TypeError(`${module} has no function as its default export`);
}
