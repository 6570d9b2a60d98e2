import { userInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { resolveIdentity, worksForRoot } from '../../../src/host/identity.js';
import { findUid, findUser, parsePasswd } from '../../../src/host/passwd.js';

const nobody = findUser('nobody');
const unknownUid = 3_999_999;

describe('resolveIdentity', () => {
  test('is the user of the process, with the home of the passwd database whatever HOME says', () => {
    const { uid, gid, username, homedir } = userInfo();
    expect(resolveIdentity({ env: { HOME: '/somewhere/else' } })).toEqual({ uid, gid, name: username, home: homedir, chosenBy: 'process' });
  });

  test.each([
    ['sudo', { SUDO_UID: String(nobody?.uid), SUDO_GID: '0', SUDO_USER: 'nobody' }],
    ['sudo with the name alone', { SUDO_USER: 'nobody' }],
    ['doas', { DOAS_USER: 'nobody' }],
  ])('under %s as root it is who typed it', (_name, env) => {
    expect(resolveIdentity({ env, uid: 0, gid: 0 })).toEqual({ ...nobody, chosenBy: 'sudo' });
  });

  test('under sudo a command that needs root works for root', () => {
    expect(resolveIdentity({ env: { SUDO_UID: String(nobody?.uid), SUDO_USER: 'nobody' }, needsRoot: true, uid: 0, gid: 0 })).toMatchObject({ uid: 0, chosenBy: 'process' });
  });

  test('the variables of sudo count for root alone: `sudo -u svc` works for svc', () => {
    expect(resolveIdentity({ env: { SUDO_UID: '0', SUDO_USER: 'root' }, uid: nobody?.uid ?? -1, gid: nobody?.gid ?? -1 })).toMatchObject({ name: 'nobody', chosenBy: 'process' });
  });

  test.each([{ SUDO_UID: String(unknownUid), SUDO_USER: 'ghost' }, { SUDO_USER: 'no-such-user-here' }, { DOAS_USER: '-x' }])('%j is not taken for root', (env) => {
    expect(() => resolveIdentity({ env, uid: 0, gid: 0 })).toThrow(expect.objectContaining({ code: 'IDENTITY_UNKNOWN', hint: expect.stringContaining('--user') as string }));
  });

  test('--user wins over sudo', () => {
    expect(resolveIdentity({ user: 'nobody', env: { SUDO_USER: 'root', SUDO_UID: '0' }, uid: 0, gid: 0 })).toMatchObject({ name: 'nobody', chosenBy: 'option' });
  });

  test('--user for somebody else needs root', () => {
    expect(() => resolveIdentity({ user: 'root', env: {}, uid: nobody?.uid ?? -1, gid: 0 })).toThrow(expect.objectContaining({ code: 'IDENTITY_FORBIDDEN' }));
    expect(() => resolveIdentity({ user: 'no-such-user-here', env: {}, uid: 0, gid: 0 })).toThrow(expect.objectContaining({ code: 'IDENTITY_UNKNOWN' }));
  });

  test('a uid without a passwd entry needs both directories, and the error says so', () => {
    expect(() => resolveIdentity({ env: {}, uid: unknownUid, gid: 7 })).toThrow(expect.objectContaining({ code: 'IDENTITY_UNKNOWN', message: expect.stringMatching(/--base-dir.*--state-dir/) as string }));
    expect(resolveIdentity({ env: {}, uid: unknownUid, gid: 7, directoriesGiven: true })).toEqual({ uid: unknownUid, gid: 7, name: String(unknownUid), home: undefined, chosenBy: 'process' });
  });

  test('root is worth a warning where nobody asked for it', () => {
    expect(worksForRoot(resolveIdentity({ env: {}, uid: 0, gid: 0 }))).toBe(true);
    expect(worksForRoot(resolveIdentity({ user: 'root', env: {}, uid: 0, gid: 0 }))).toBe(false);
  });
});

describe('the passwd database', () => {
  test('is asked by name and by uid', () => {
    expect(nobody).toBeDefined();
    expect(findUid(nobody?.uid ?? -1)).toEqual(nobody);
    expect(findUser(String(nobody?.uid))).toEqual(nobody);
    expect(findUser('no-such-user-here')).toBeUndefined();
    expect(findUser('--help')).toBeUndefined();
  });

  test('lines that are none are left out', () => {
    const text = 'root:x:0:0:root:/root:/bin/sh\n+::::::\n#c:x:1:1::/c:\nbad:x:a:1::/b:\nnohome:x:5:5:::\n\nu:x:1000:100:U,,,:/home/u:/bin/sh';
    expect(parsePasswd(text)).toEqual([{ name: 'root', uid: 0, gid: 0, home: '/root' }, { name: 'u', uid: 1000, gid: 100, home: '/home/u' }]);
  });
});
