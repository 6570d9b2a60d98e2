import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { InitDriver, UnitState } from '../../../src/service/driver.js';
import { restartService, startService } from '../../../src/service/drive-service.js';
import { installService } from '../../../src/service/install-service.js';
import type { DaemonPort, Serving } from '../../../src/service/ports.js';
import type { ServiceSpec } from '../../../src/service/service-spec.js';
import { printMarker } from '../../../src/service/unit-marker.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const user = { uid: process.geteuid?.() ?? 0, gid: 0, name: 'svc', home: '/nonexistent' };
const spec: ServiceSpec = {
  user, node: '/node', program: '/main.js', runArguments: [], placeArguments: [], baseDir: '/base', stateDir: '/state', logFile: '/log', environment: {}, gracePeriodMs: 0,
};
const serving = (pid: number): Serving => ({ pid, socket: '/socket', version: '0' });

/** An init system of this process: no steps are to be done, its state is what the test says. */
function createInit(outcomes: Readonly<Record<string, UnitState['active'] | 'cannot'>>) {
  let hardening = 'none';
  const happened: string[] = [];
  let daemonPid: number | undefined;
  let unitPid: number | undefined;
  const starts = (): boolean => outcomes[hardening] === 'active';
  const driver: InitDriver = {
    init: 'systemd', scope: 'system', unitFile: join(tempDirectory(), 'unit'), respawnsAlways: false, logCommand: 'journalctl', hardenings: Object.keys(outcomes),
    install: (_spec, given) => {
      hardening = given;
      happened.push(`install ${given}`);
      return Promise.resolve([]);
    },
    start: () => {
      happened.push('start');
      if (starts()) daemonPid = unitPid = 100;
      return [];
    },
    stop: () => [],
    remove: () => [],
    readState: () => Promise.resolve({ active: unitPid === undefined ? 'starting' : 'active', enabled: true, pid: unitPid, detail: 'as it is', setUpFailed: outcomes[hardening] === 'cannot' && happened.includes('start') }),
  };
  const daemon: DaemonPort = {
    whoServes: () => Promise.resolve(daemonPid === undefined ? undefined : serving(daemonPid)),
    handOver: (pid) => {
      happened.push(`hand over ${pid}`);
      daemonPid = unitPid = undefined;
      return Promise.resolve();
    },
    stop: () => Promise.resolve(),
    awaitServing: () => Promise.resolve(daemonPid === undefined ? undefined : serving(daemonPid)),
    startInBackground: () => {
      happened.push('background');
      daemonPid = 7;
      return Promise.resolve(serving(7));
    },
  };
  return { driver, daemon, happened, serveInBackground: () => (daemonPid = 7) };
}

describe('installing', () => {
  test('takes the best hardening', async () => {
    const { driver, daemon, happened } = createInit({ full: 'active', none: 'active' });
    expect(await installService(driver, spec, daemon)).toMatchObject({ hardening: 'full', warnings: [], serving: { pid: 100 } });
    expect(happened).toEqual(['install full', 'start']);
  });

  test('takes a weaker one where the machine cannot set up the better, and says so', async () => {
    const { driver, daemon, happened } = createInit({ full: 'cannot', kernel: 'active', none: 'active' });
    expect(await installService(driver, spec, daemon)).toMatchObject({ hardening: 'kernel', warnings: [{ code: 'HARDENING_REDUCED' }], serving: { pid: 100 } });
    expect(happened).toEqual(['install full', 'start', 'install kernel', 'start']);
  });

  test('fails where the reason is another, and who served before serves again', async () => {
    const { driver, daemon, happened, serveInBackground } = createInit({ full: 'failed', none: 'active' });
    serveInBackground();
    await expect(installService(driver, spec, daemon)).rejects.toMatchObject({ code: 'SERVICE_FAILED', message: expect.stringContaining('as it is') as string, hint: expect.stringContaining('journalctl') as string });
    expect(happened).toEqual(['install full', 'hand over 7', 'start', 'background']);
  });

  test.each([
    ['somebody else wrote', '[Service]\nExecStart=/usr/bin/cloudflared\n'],
    ['serves another user', `# ${printMarker({ user: 'other', baseDir: '/base', scope: 'system', hardening: 'full' })}\n`],
    ['serves another base directory', `# ${printMarker({ user: 'svc', baseDir: '/other', scope: 'system', hardening: 'full' })}\n`],
  ])('over a unit that %s is refused before anything is done', async (_name, text) => {
    const { driver, daemon, happened } = createInit({ full: 'active' });
    writeFileSync(driver.unitFile, text);
    await expect(installService(driver, spec, daemon)).rejects.toMatchObject({ code: 'SERVICE_FOREIGN' });
    expect(happened).toEqual([]);
  });

  test('over our own is done again', async () => {
    const { driver, daemon } = createInit({ full: 'active' });
    writeFileSync(driver.unitFile, `# ${printMarker({ user: 'svc', baseDir: '/base', scope: 'system', hardening: 'full' })}\n`);
    expect(await installService(driver, spec, daemon)).toMatchObject({ hardening: 'full' });
  });
});

describe('starting', () => {
  test('a daemon that serves without the unit hands over to it', async () => {
    const { driver, daemon, happened, serveInBackground } = createInit({ none: 'active' });
    serveInBackground();
    expect(await startService(driver, user, daemon)).toMatchObject({ serving: { pid: 100 } });
    expect(happened).toEqual(['hand over 7', 'start']);
    expect(await startService(driver, user, daemon)).toMatchObject({ serving: { pid: 100 } });
    expect(happened).toHaveLength(2);
  });
});

test('restarting is a handover; where the init system does not start the next one by itself, it is told to', async () => {
  const { driver, daemon, happened } = createInit({ none: 'active' });
  await startService(driver, user, daemon);
  await restartService(driver, user, daemon);
  expect(happened).toEqual(['start', 'hand over 100', 'start']);
});
