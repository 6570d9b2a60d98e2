import { describe, expect, test } from 'vitest';
import { classifyRefusal } from '../../../src/host/privilege-refusal.js';

describe('what a refusal says', () => {
  test.each([
    ['sudo', 'sudo: a password is required', 'PRIVILEGE_PASSWORD_REQUIRED'],
    ['sudo', 'sudo: The "no new privileges" flag is set, which prevents sudo from running as root.', 'PRIVILEGE_NO_NEW_PRIVILEGES'],
    ['sudo', 'sudo: sorry, you must have a tty to run sudo', 'PRIVILEGE_TTY_REQUIRED'],
    ['sudo', "sudo: effective uid is not 0, is /usr/bin/sudo on a file system with the 'nosuid' option set or an NFS file system without root privileges?", 'PRIVILEGE_NOSUID'],
    ['sudo', 'sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set', 'PRIVILEGE_NOSUID'],
    ['sudo', 'sudo: you do not exist in the passwd database', 'PRIVILEGE_USER_UNKNOWN'],
    ['sudo', 'sudo: interactive authentication is required', 'PRIVILEGE_PASSWORD_REQUIRED'],
    ['sudo', "sudo: I'm sorry alice. I'm afraid I can't do that", 'PRIVILEGE_PASSWORD_REQUIRED'],
    ['sudo', 'sudo: unable to resolve host box: Name or service not known\nsudo: a password is required', 'PRIVILEGE_PASSWORD_REQUIRED'],
    ['doas', 'doas: Authorization required', 'PRIVILEGE_PASSWORD_REQUIRED'],
    ['doas', 'doas: Operation not permitted', 'PRIVILEGE_PASSWORD_REQUIRED'],
    ['doas', 'doas: doas is not enabled, /etc/doas.conf: No such file or directory', 'PRIVILEGE_PASSWORD_REQUIRED'],
    ['doas', 'doas: not installed setuid', 'PRIVILEGE_NOSUID'],
  ] as const)('%s: %s', (program, stderr, code) => {
    expect(classifyRefusal(program, 1, `${stderr}\n`, false)).toBe(code);
  });

  test('whatever is said, under a flag that is known', () => {
    expect(classifyRefusal('doas', 1, 'doas: not installed setuid', true)).toBe('PRIVILEGE_NO_NEW_PRIVILEGES');
    expect(classifyRefusal('sudo', 1, 'sudo: something new', true)).toBe('PRIVILEGE_NO_NEW_PRIVILEGES');
    expect(classifyRefusal('sudo', 1, 'sudo: something new', false)).toBe('PRIVILEGE_PASSWORD_REQUIRED');
  });
});

describe('what is no refusal', () => {
  test.each([
    ['success', 0, ''],
    ['success with words', 0, 'sudo: unable to resolve host box'],
    ['a command that fails', 1, 'install: cannot create regular file'],
    ['a command that fails in silence', 1, ''],
    ['a command that fails beside a remark', 1, 'sudo: unable to resolve host box: Name or service not known'],
    ['a command that speaks of passwords', 1, 'sudo: unable to resolve host box\npct: a password is required'],
    ['another code', 2, 'sudo: a password is required'],
    ['a signal', undefined, 'sudo: a password is required'],
    ['a command that is not there', 1, 'sudo: /opt/x: command not found'],
    ['a command that does not start', 1, 'sudo: unable to execute /opt/x: Permission denied'],
  ])('%s', (_name, exitCode, stderr) => {
    expect(classifyRefusal('sudo', exitCode, stderr, true)).toBe(undefined);
  });
});
