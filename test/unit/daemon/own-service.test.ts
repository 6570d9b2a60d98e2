import { expect, test } from 'vitest';
import { SupervisorError } from '../../../src/core/errors.js';
import { isKeptByService } from '../../../src/daemon/own-service.js';
import type { InstalledUnit, UnitOwner } from '../../../src/service/units.js';
import { openrcScript } from '../../../src/service/openrc.js';

const identity = { uid: 1500, gid: 1500, name: 'svc', home: '/home/svc', chosenBy: 'process' } as const;
const context = (environment: Record<string, string> = {}) => ({ identity, environment, places: { baseDir: '/home/svc/base' } });
const nothing = (): undefined => undefined;

test('a unit of ours for this user and base directory keeps it', async () => {
  const asked: UnitOwner[] = [];
  const find = (owner: UnitOwner): InstalledUnit => {
    asked.push(owner);
    return { driver: openrcScript(identity, '/home/svc/base'), marker: { user: 'svc', baseDir: '/home/svc/base', scope: 'system', hardening: '' } };
  };
  expect(await isKeptByService(context(), { find })).toBe(true);
  expect(asked).toEqual([{ user: identity, baseDir: '/home/svc/base' }]);
});

test("so does a unit that runs this very process, and not the one that an agent's child inherits from", async () => {
  expect(await isKeptByService(context({ SYSTEMD_EXEC_PID: '77', INVOCATION_ID: 'x' }), { find: nothing, pid: 77 })).toBe(true);
  expect(await isKeptByService(context({ SYSTEMD_EXEC_PID: '77', INVOCATION_ID: 'x' }), { find: nothing, pid: 78 })).toBe(false);
  expect(await isKeptByService(context(), { find: nothing, pid: 77 })).toBe(false);
});

test('what cannot be read is not known to be ours', async () => {
  const find = (): never => {
    throw new SupervisorError('STORAGE_FORBIDDEN', 'x');
  };
  expect(await isKeptByService(context(), { find })).toBe(false);
});
