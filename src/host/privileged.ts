import { readFileSync } from 'node:fs';
import type { Clock } from '../core/clock.js';
import { SupervisorError, type ErrorCode } from '../core/errors.js';
import { SYSTEM_PATH, type Environment } from './child-environment.js';
import { classifyRefusal, PRIVILEGE_PROGRAMS, type PrivilegeProgram } from './privilege-refusal.js';
import { redact } from './redact.js';
import { runProgram, type Argv, type ProgramResult } from './run-program.js';

export interface PrivilegedOptions {
  readonly timeoutMs: number;
  /** Standard input; else there is none. */
  readonly input?: string | Uint8Array;
  /** For tests; else of this process. */
  readonly uid?: number;
  /** Our own: its PATH is where sudo and doas are looked for, before the system's places. Nothing else of it is used. */
  readonly env?: Environment;
  readonly clock?: Clock;
}

export interface PrivilegedResult {
  readonly stdout: string;
  /** May hold words though all went well. */
  readonly stderr: string;
  readonly via: 'root' | PrivilegeProgram;
}

/**
 * Runs one command as root: directly where we are, else through `sudo -n`, else `doas -n`. Never asks, and never tries
 * beforehand whether it may (`sudo -n true` answers another question): the command itself is run and judged. Name the
 * program by its absolute path: so sudoers can allow it alone.
 * @throws SupervisorError PRIVILEGE_*, PRIVILEGED_COMMAND_FAILED, PRIVILEGED_COMMAND_TIMED_OUT
 */
export async function runPrivileged(command: Argv, options: PrivilegedOptions): Promise<PrivilegedResult> {
  const uid = options.uid ?? process.geteuid?.() ?? 0;
  if (uid === 0) {
    // A group of its own, to be ended as a whole. No variable of ours decides what root's programs do.
    return judge(command, 'root', await runProgram(command, { ...options, env: { ...ENGLISH, PATH: SYSTEM_PATH, HOME: '/root' } }));
  }
  let refusal: SupervisorError | undefined;
  for (const program of PRIVILEGE_PROGRAMS) {
    // In the session of our terminal, for which its user may have given a password a minute ago.
    const result = await runProgram([program, '-n', '--', ...command], { ...options, env: { ...ENGLISH, PATH: searchPath(options.env ?? process.env) }, ownGroup: false });
    if (isMissing(result)) continue;
    const code = classifyRefusal(program, result.exitCode, result.stderr, hasNoNewPrivileges());
    if (code === undefined) return judge(command, program, result);
    refusal ??= new SupervisorError(code, `${program} does not run \`${show(command)}\`${lastWords(result)}`);
  }
  throw refusal ?? new SupervisorError('PRIVILEGE_PROGRAM_MISSING', `\`${show(command)}\` needs root, and there is neither sudo nor doas`);
}

/** Refusals are recognised by their English words. */
const ENGLISH = { LANG: 'C', LC_ALL: 'C' } as const;

const searchPath = (env: Environment): string => (env['PATH'] === undefined || env['PATH'] === '' ? SYSTEM_PATH : `${env['PATH']}:${SYSTEM_PATH}`);

/** EACCES too: that is what a PATH gives that holds a directory which we may not read. */
const isMissing = (result: ProgramResult): boolean => result.startError === 'ENOENT' || result.startError === 'EACCES';

function judge(command: Argv, via: PrivilegedResult['via'], result: ProgramResult): PrivilegedResult {
  if (result.timedOut) {
    const after = result.leftRunning === undefined ? 'and was ended' : `and is not ours to end: pid ${result.leftRunning} still runs`;
    throw new SupervisorError('PRIVILEGED_COMMAND_TIMED_OUT', `\`${show(command)}\` did not end in time as root, ${after}`);
  }
  if (result.exitCode === 0) return { stdout: result.stdout, stderr: result.stderr, via };
  const code: ErrorCode = result.startError === 'EAGAIN' ? 'PROCESS_LIMIT' : 'PRIVILEGED_COMMAND_FAILED';
  const outcome = result.exitCode === undefined ? (result.signal ?? result.startError ?? 'too much output') : `exit code ${result.exitCode}`;
  throw new SupervisorError(code, `\`${show(command)}\` failed as root (${outcome})${lastWords(result)}`);
}

function lastWords({ stderr }: ProgramResult): string {
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return last === '' ? '' : `: ${redact(last)}`;
}

const show = (argv: readonly string[]): string => redact(argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(' '));

/** A fact where the words are not known: once set, nothing that we start can gain rights. */
function hasNoNewPrivileges(): boolean {
  try {
    return /^NoNewPrivs:\s*1$/m.test(readFileSync('/proc/self/status', 'utf8'));
  } catch {
    return false; // No /proc: then the words must do.
  }
}
