import type { ErrorCode } from '../core/errors.js';

/** The programs that can make us root, in the order they are tried. */
export const PRIVILEGE_PROGRAMS = ['sudo', 'doas'] as const;
export type PrivilegeProgram = (typeof PRIVILEGE_PROGRAMS)[number];

/** What a refusal says, of sudo, sudo-rs and doas in the C locale. The first that fits counts. */
const REFUSALS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/no new privileges/i, 'PRIVILEGE_NO_NEW_PRIVILEGES'],
  [/must have a tty|no tty present/i, 'PRIVILEGE_TTY_REQUIRED'],
  [/effective uid is not 0|nosuid|setuid/i, 'PRIVILEGE_NOSUID'],
  [/do not exist in the passwd|no passwd entry|unknown uid|user .*not found/i, 'PRIVILEGE_USER_UNKNOWN'],
];

/** sudo ran, and then could not start the command: not a matter of rights. */
const NOT_STARTED = /command not found|unable to execute|No such file or directory$/i;

/** Said beside a command that runs all the same. */
const REMARK = /unable to resolve host|setrlimit|unable to send audit message/i;

/**
 * Why the program did not run the command; undefined where it did, and the command itself failed. The exit code cannot
 * tell: a refusal is 1, as are many failures. A refusal is the last thing said, by the program under its own name.
 * A wording that is not known means, as nearly all do, that this user may not without a password.
 */
export function classifyRefusal(program: PrivilegeProgram, exitCode: number | undefined, stderr: string, noNewPrivileges: boolean): ErrorCode | undefined {
  if (exitCode !== 1) return undefined;
  const lines = stderr.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !REMARK.test(line));
  const last = lines.at(-1);
  if (last === undefined || !last.startsWith(`${program}: `)) return undefined;
  const notEnabled = program === 'doas' && /not enabled/i.test(last);
  if (NOT_STARTED.test(last) && !notEnabled) return undefined;
  // The flag alone is enough, and some take it for a lost setuid bit.
  if (noNewPrivileges) return 'PRIVILEGE_NO_NEW_PRIVILEGES';
  return REFUSALS.find(([text]) => text.test(last))?.[1] ?? 'PRIVILEGE_PASSWORD_REQUIRED';
}
