import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DEFAULT_POLICY, STOP_MARGIN_MS } from '../../../src/connector/policy.js';
import { HANDED_OVER } from '../../../src/core/errors.js';
import { whyToLeave } from '../../../src/daemon/sweep.js';
import { openrcScript } from '../../../src/service/openrc.js';
import { stopTimeoutSeconds, type ServiceSpec } from '../../../src/service/service-spec.js';
import type { Step } from '../../../src/service/steps.js';
import { parseState, systemUnit, userUnit } from '../../../src/service/systemd.js';
import { parseMarker, printMarker } from '../../../src/service/unit-marker.js';
import { chooseDriver } from '../../../src/service/units.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const user = { uid: 1_000, gid: 1_000, name: 'svc', home: '/home/svc' };
const BASE = '/home/svc/my $tuff 100%/supervisor';
const spec: ServiceSpec = {
  user, node: '/opt/my node/bin/node', program: '/opt/cloudflared-supervisor/dist/cli/main.js',
  runArguments: ['--base-dir', BASE, '--edge', 'a:1,b:2'], placeArguments: ['--base-dir', BASE],
  baseDir: BASE, stateDir: '/home/svc/.config/portacode', logFile: `${BASE}/log/daemon.log`,
  environment: { PATH: '/usr/bin:/bin', HTTPS_PROXY: 'http://user:pass@proxy:3128' }, gracePeriodMs: 30_000,
};

/** Of any machine, whatever this one has. */
const find = (name: string): string => `/usr/bin/${name}`;

const has = (program: string): boolean => spawnSync('/bin/sh', ['-c', `command -v ${program}`]).status === 0;
const written = (steps: readonly Step[]): ReadonlyMap<string, { readonly content: string; readonly mode: number }> =>
  new Map(steps.flatMap((step) => (step.kind === 'write-file' ? [[step.path, step] as const] : [])));

const unitOf = async (driver: ReturnType<typeof systemUnit>, hardening: string): Promise<string> => written(await driver.install(spec, hardening)).get(driver.unitFile)?.content ?? '';

describe.skipIf(!has('systemd-analyze'))('the units (needs systemd-analyze)', () => {
  const analyze = (text: string, ...words: readonly string[]) => {
    const file = join(tempDirectory(), 'cloudflared-supervisor.service');
    // The paths of the spec are made up.
    writeFileSync(file, text.replaceAll('"/opt/my node/bin/node"', '/usr/bin/true'));
    return spawnSync('systemd-analyze', [...words, file], { encoding: 'utf8' });
  };
  const exposure = (text: string): number => Number(/exposure level for .*: ([\d.]+)/.exec(analyze(text, 'security', '--offline=true', '--no-pager').stdout)?.[1]);

  test.each(['full', 'kernel', 'sudo', 'none'])('are in order with the hardening "%s"', async (hardening) => {
    for (const driver of [systemUnit(user, find), userUnit(user, BASE, find)]) {
      const { stderr } = analyze(await unitOf(driver, hardening), 'verify');
      expect(stderr.split('\n').filter((line) => line.includes('cloudflared-supervisor.service'))).toEqual([]);
    }
  });

  test('expose less with each set of hardening', async () => {
    const levels = await Promise.all(['none', 'kernel', 'full'].map(async (hardening) => exposure(await unitOf(systemUnit(user, find), hardening))));
    expect(levels[0]).toBeGreaterThan(9);
    expect(levels[1]).toBeLessThan(7);
    expect(levels[2]).toBeLessThan(2);
  });
});

test('a unit says what is run, and what is swept, in absolute paths', async () => {
  const unit = await unitOf(systemUnit(user, find), 'full');
  expect(unit).toContain('\nUser=svc\n');
  expect(unit).toContain(`\nExecStart="/opt/my node/bin/node" ${spec.program} run --base-dir "/home/svc/my $$tuff 100%%/supervisor" --edge a:1,b:2\n`);
  expect(unit).toContain(`\nExecStopPost="/opt/my node/bin/node" ${spec.program} service sweep --base-dir "/home/svc/my $$tuff 100%%/supervisor"\n`);
  expect(unit).toContain('\nReadWritePaths="-/home/svc/my $tuff 100%%/supervisor" -/home/svc/.config/portacode\n');
  expect(unit).toContain(`\nRestartForceExitStatus=${HANDED_OVER}\n`);
  expect(unit).not.toContain('pass@proxy');
  expect(parseMarker(unit)).toEqual({ user: 'svc', baseDir: BASE, scope: 'system', hardening: 'full' });
});

test('what may be a secret is in a file for the eyes of its owner', async () => {
  for (const driver of [systemUnit(user, find), userUnit(user, BASE, find), openrcScript(user, BASE, find)]) {
    const files = [...written(await driver.install(spec, driver.hardenings[0] ?? ''))];
    expect(files.filter(([, { content }]) => content.includes('pass@proxy')).map(([, { mode }]) => mode)).toEqual([0o600]);
  }
});

test('the script of OpenRC is one, and knows whose it is', async () => {
  const files = written(await openrcScript(user, BASE, find).install(spec, 'none'));
  const script = files.get('/etc/init.d/cloudflared-supervisor')?.content ?? '';
  expect(spawnSync('/bin/sh', ['-n'], { input: script, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  expect(parseMarker(script)).toMatchObject({ user: 'svc', baseDir: BASE });
  const argv = spawnSync('/bin/sh', ['-c', `${script}\neval printf '%s,' $command $command_args`], { encoding: 'utf8' }).stdout.split(',').slice(0, -1).join(',');
  expect(argv).toBe(['/usr/bin/env', 'PATH=/usr/bin:/bin', spec.node, spec.program, 'run', ...spec.runArguments].join(','));
});

test("OpenRC keeps no log, so the daemon's own is shown", () => {
  expect(openrcScript(user, BASE, find).logCommand).toBe(`tail -f '${BASE}/log/daemon.log'`);
});

test("a user's own unit starts at boot only where their systemd does", async () => {
  const systemctl = join(tempDirectory(), 'systemctl');
  writeFileSync(systemctl, '#!/bin/sh\necho UnitFileState=enabled\n', { mode: 0o755 });
  const nobody = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, name: 'no-such-user', home: '/nonexistent' };
  expect(await userUnit(nobody, BASE, () => systemctl).readState()).toMatchObject({ enabled: false });
  expect(await systemUnit(nobody, () => systemctl).readState()).toMatchObject({ enabled: true });
});

test('where no init system runs, the lines for cron need no PATH', () => {
  expect(() => chooseDriver({ user, baseDir: BASE }, 'system', 'none')).toThrow(expect.objectContaining({ hint: expect.stringMatching(/`\* \* \* \* \* \/\S+ \/\S+\/cli\/main\.js up`/) as string }));
});

test('before force is used there is time for a change, the grace period, and forcing a connector', () => {
  const CHANGE_MS = 10_000;
  for (const gracePeriodMs of [0, 30_000, 180_000]) {
    expect(stopTimeoutSeconds({ ...spec, gracePeriodMs }) * 1_000).toBeGreaterThan(CHANGE_MS + gracePeriodMs + STOP_MARGIN_MS + DEFAULT_POLICY.killAgainMs);
  }
});

describe('the marker', () => {
  test('is read as it was written', () => {
    const marker = { user: 'a\nb', baseDir: '/x "y"', scope: 'user', hardening: 'none' } as const;
    expect(parseMarker(`# ${printMarker(marker)}\n[Unit]\n`)).toEqual(marker);
  });

  test.each(['', '[Unit]\nDescription=cloudflared\n', '# cloudflared-supervisor {}', '# cloudflared-supervisor {"user":1}', '# cloudflared-supervisor {', '# cloudflared-supervisor {"user":"a","baseDir":"/b","hardening":"x","scope":"other"}'])('is not in %j', (text) => {
    expect(parseMarker(text)).toBeUndefined();
  });
});

test.each([
  ['LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nMainPID=42\nResult=success\nExecMainStatus=0\n', { active: 'active', enabled: true, pid: 42, detail: 'active (running)', setUpFailed: false }],
  ['ActiveState=activating\nSubState=auto-restart\nUnitFileState=enabled\nMainPID=0\nResult=exit-code\nExecMainStatus=226\n', { active: 'starting', pid: undefined, detail: 'activating (auto-restart, exit-code, exit status 226)', setUpFailed: true }],
  ['ActiveState=activating\nSubState=auto-restart\nResult=exit-code\nExecMainStatus=5\n', { active: 'starting', setUpFailed: false }],
  ['ActiveState=failed\nSubState=failed\nResult=signal\nExecMainStatus=9\nMainPID=0\n', { active: 'failed', enabled: false, setUpFailed: false }],
  ['', { active: 'inactive', enabled: false, pid: undefined }],
])('what systemd shows (%#)', (shown, expected) => {
  expect(parseState(shown)).toMatchObject(expected);
});

test.each([
  [{}, undefined],
  [{ SERVICE_RESULT: 'success', EXIT_CODE: 'exited', EXIT_STATUS: '0' }, undefined],
  [{ SERVICE_RESULT: 'timeout', EXIT_CODE: 'killed', EXIT_STATUS: 'KILL' }, undefined],
  [{ SERVICE_RESULT: 'success', EXIT_CODE: 'exited', EXIT_STATUS: String(HANDED_OVER) }, 'handed-over'],
  [{ SERVICE_RESULT: 'signal', EXIT_CODE: 'killed', EXIT_STATUS: 'KILL' }, 'daemon-crashed'],
  [{ SERVICE_RESULT: 'watchdog', EXIT_CODE: 'dumped', EXIT_STATUS: 'ABRT' }, 'daemon-crashed'],
  [{ SERVICE_RESULT: 'exit-code', EXIT_CODE: 'exited', EXIT_STATUS: '1' }, 'daemon-crashed'],
])('after %j connectors are swept, or left: %s', (environment, expected) => {
  expect(whyToLeave(environment)).toBe(expected);
});

test.each([
  ['none', 'system'],
  ['none', 'user'],
  ['openrc', 'user'],
] as const)('with the init system %s there is no scope %s', (init, scope) => {
  expect(() => chooseDriver({ user, baseDir: BASE }, scope, init)).toThrow(expect.objectContaining({ code: 'SERVICE_UNSUPPORTED' }));
});
