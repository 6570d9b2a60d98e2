import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { removeDurably, toStorageError, writeFileAtomic } from '../host/atomic-file.js';
import { SYSTEM_PATH } from '../host/child-environment.js';
import { systemClock } from '../core/clock.js';
import { SupervisorError } from '../core/errors.js';
import { runProgram, type Argv, type ProgramResult } from '../host/run-program.js';

/** What the service user does for themselves. As root it runs in a child that has become the user: see host/as-user.ts. */
export type UserTask =
  | { readonly task: 'make-directories'; readonly directories: readonly string[] }
  | { readonly task: 'write-file'; readonly path: string; readonly mode: number; readonly content: string }
  | { readonly task: 'remove-file'; readonly path: string }
  | { readonly task: 'run'; readonly argv: Argv; readonly environment: Readonly<Record<string, string>>; readonly timeoutMs: number }
  | { readonly task: 'await-socket'; readonly path: string; readonly timeoutMs: number };

/** Of `run`, what came of it; of the others nothing. */
export type UserTaskResult = ProgramResult | null;

const PRIVATE = 0o700;
const POLL_MS = 50;

export default async function doUserTask(input: unknown): Promise<UserTaskResult> {
  const task = input as UserTask;
  return await (TASKS[task.task] as (task: UserTask) => Promise<UserTaskResult>)(task);
}

const TASKS: { readonly [K in UserTask['task']]: (task: Extract<UserTask, { readonly task: K }>) => Promise<UserTaskResult> } = {
  'make-directories': async ({ directories }) => {
    for (const directory of directories) await makeDirectory(directory);
    return null;
  },
  'write-file': async ({ path, mode, content }) => {
    await makeDirectory(dirname(path));
    await writeFileAtomic(path, content, { mode });
    return null;
  },
  'remove-file': async ({ path }) => {
    await removeDurably(path);
    return null;
  },
  run: async ({ argv, environment, timeoutMs }) => await runProgram(argv, { env: { PATH: SYSTEM_PATH, ...environment }, timeoutMs }),
  'await-socket': async ({ path, timeoutMs }) => {
    await awaitSocket(path, timeoutMs);
    return null;
  },
};

async function makeDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: PRIVATE }).catch((error: unknown) => {
    throw toStorageError(error, directory, 'create');
  });
}

async function awaitSocket(path: string, timeoutMs: number): Promise<void> {
  const deadline = systemClock.monotonic() + timeoutMs;
  while (!existsSync(path)) {
    if (systemClock.monotonic() > deadline) throw new SupervisorError('SERVICE_FAILED', `the user's own systemd does not run: ${path} is not there`);
    await systemClock.sleep(POLL_MS);
  }
}
