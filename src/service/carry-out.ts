import { existsSync } from 'node:fs';
import { SupervisorError, toSupervisorError } from '../core/errors.js';
import { runAsUser, type UserIds } from '../host/as-user.js';
import { builtFile } from '../host/package-files.js';
import { runPrivileged } from '../host/privileged.js';
import type { Argv, ProgramResult } from '../host/run-program.js';
import { requireProgram } from './require-program.js';
import { applyByKind, describeStep, type ByKind, type Step } from './steps.js';
import type { UserTask } from './user-work.js';

/** How long the child that has become the user may take on top of what its own task may. */
const CHILD_MARGIN_MS = 10_000;
const FILE_WORK_TIMEOUT_MS = 30_000;

/** Something that was left undone, and that the user should know of. */
export interface StepWarning {
  readonly code: string;
  readonly message: string;
}

/**
 * Does the steps one after the other; the first that fails ends it.
 * @throws SupervisorError PRIVILEGE_*, PRIVILEGED_COMMAND_*, SERVICE_FAILED, STORAGE_*
 */
export async function carryOut(steps: readonly Step[], user: UserIds): Promise<readonly StepWarning[]> {
  const warnings: StepWarning[] = [];
  for (const step of steps) {
    const warning = await applyByKind(EXECUTORS, step, user);
    if (warning !== undefined) warnings.push(warning);
  }
  return warnings;
}

const EXECUTORS: ByKind<[UserIds], Promise<StepWarning | undefined>> = {
  'make-directories': async ({ directories }, user) => await fileWork(user, { task: 'make-directories', directories }),
  'write-file': async ({ by, path, mode, content }, user) => {
    if (by === 'user') return await fileWork(user, { task: 'write-file', path, mode, content });
    return await writeAsRoot(path, mode, content);
  },
  'remove-file': async ({ by, path }, user) => {
    if (by === 'user') return await fileWork(user, { task: 'remove-file', path });
    return await asRoot([requireProgram('rm'), '-f', '--', path], FILE_WORK_TIMEOUT_MS);
  },
  run: async (step, user) => {
    if (step.by === 'root') return await asRoot(step.argv, step.timeoutMs);
    return judge(step, await runForUser(user, step.argv, step.timeoutMs));
  },
  'enable-linger': async ({ argv, timeoutMs }, user) => await enableLinger(argv, user, timeoutMs),
  'await-user-manager': async ({ socket, timeoutMs }, user) => {
    await doAsUser(user, { task: 'await-socket', path: socket, timeoutMs }, timeoutMs);
    return undefined;
  },
};

async function fileWork(user: UserIds, task: UserTask): Promise<undefined> {
  await doAsUser(user, task, FILE_WORK_TIMEOUT_MS);
}

async function asRoot(argv: Argv, timeoutMs: number): Promise<undefined> {
  await runPrivileged(argv, { timeoutMs });
}

/**
 * Made empty beside its place, given its mode, written by a program from its standard input, and then put there: no
 * shell, no moment in which others can read it or half of it is in place, and no file on the way in a directory that is
 * not root's. By programs that busybox has too.
 */
async function writeAsRoot(path: string, mode: number, content: string): Promise<undefined> {
  const beside = `${path}.new`;
  await asRoot([requireProgram('touch'), beside], FILE_WORK_TIMEOUT_MS);
  await asRoot([requireProgram('chmod'), mode.toString(8).padStart(4, '0'), beside], FILE_WORK_TIMEOUT_MS);
  await runPrivileged([requireProgram('tee'), beside], { timeoutMs: FILE_WORK_TIMEOUT_MS, input: content });
  await asRoot([requireProgram('mv'), '-f', beside, path], FILE_WORK_TIMEOUT_MS);
}

/** A program of the user's own session: their systemd is found through these. */
export async function runForUser(user: UserIds, argv: Argv, timeoutMs: number): Promise<ProgramResult> {
  const environment = { HOME: user.home ?? '/', USER: user.name, LOGNAME: user.name, LANG: 'C', XDG_RUNTIME_DIR: runtimeDirectory(user), DBUS_SESSION_BUS_ADDRESS: `unix:path=${runtimeDirectory(user)}/bus` };
  const result = await doAsUser(user, { task: 'run', argv, environment, timeoutMs }, timeoutMs);
  return result as ProgramResult;
}

const runtimeDirectory = (user: Pick<UserIds, 'uid'>): string => `/run/user/${user.uid}`;

const doAsUser = async (user: UserIds, task: UserTask, timeoutMs: number): Promise<unknown> =>
  await runAsUser(user, builtFile('service/user-work'), task, { timeoutMs: timeoutMs + CHILD_MARGIN_MS });

function judge(step: Step, { exitCode, signal, startError, stderr, timedOut }: ProgramResult): undefined {
  if (exitCode === 0) return undefined;
  const how = timedOut ? 'did not end in time' : `failed (${exitCode === undefined ? (signal ?? startError ?? 'not started') : `exit code ${exitCode}`})`;
  throw new SupervisorError('SERVICE_FAILED', `\`${describeStep(step)}\` ${how}: ${stderr.trim().split('\n').at(-1) ?? ''}`);
}

/** Whether the user's systemd runs from boot on, and without a session. */
export const lingers = ({ name }: Pick<UserIds, 'name'>): boolean => existsSync(`/var/lib/systemd/linger/${name}`);

/**
 * The user first: where polkit runs, it is theirs to decide. A unit that ends with the last session is better than none,
 * where there is a session.
 */
async function enableLinger(argv: Argv, user: UserIds, timeoutMs: number): Promise<StepWarning | undefined> {
  if (lingers(user)) return undefined;
  if (process.geteuid?.() !== 0 && (await runForUser(user, argv, timeoutMs)).exitCode === 0) return undefined;
  try {
    await runPrivileged(argv, { timeoutMs });
    return undefined;
  } catch (error) {
    const { code, message } = toSupervisorError(error);
    if (!code.startsWith('PRIVILEGE_')) throw error;
    const remedy = `An administrator allows it with \`${argv.join(' ')}\`.`;
    if (!existsSync(managerSocket(user))) throw new SupervisorError(code, `The systemd of ${user.name} does not run, and may not be kept running: ${message}`, { hint: remedy });
    return { code: 'LINGER_REFUSED', message: `The service will stop when the last session of ${user.name} ends, and not start at boot: ${message}. ${remedy}` };
  }
}

/** Where the user's own systemd is spoken to. */
export const managerSocket = (user: Pick<UserIds, 'uid'>): string => `${runtimeDirectory(user)}/systemd/private`;
