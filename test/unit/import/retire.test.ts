import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { carryOutRetirement, terminateCommand } from '../../../src/import/carry-out-retirement.js';
import type { ProcessReport, ServiceReport, TunnelReport } from '../../../src/import/report.js';
import { describeLost, planRetirement } from '../../../src/import/retire.js';
import { readProcess } from '../../../src/host/process-table.js';

const service = (more: Partial<ServiceReport>): ServiceReport => ({ init: 'systemd', name: 'cloudflared.service', file: '/etc/systemd/system/cloudflared.service', enabledBy: ['/x.wants/cloudflared.service'], companions: [], running: true, ...more });
const running = (more: Partial<ProcessReport> = {}): ProcessReport => ({ pid: 4_000_001, startTime: '1', user: 'root', uid: 0, unit: null, parent: null, inContainer: false, commandLine: 'cloudflared tunnel run', service: 'cloudflared.service', connectorId: null, gracePeriod: null, ...more });
const report = (services: readonly ServiceReport[], processes: readonly ProcessReport[]): TunnelReport => ({
  id: 'x', name: null, verdict: 'ours', obstacles: [], domain: null, config: null, credentials: null, certificate: null, rules: [], refused: [], skipped: [], remoteRules: [], names: [], notes: [], unreadable: [], services, processes,
});
const find = (name: string): string => `/usr/bin/${name}`;
const plan = (services: readonly ServiceReport[], processes: readonly ProcessReport[] = [running()], programs: (name: string) => string | undefined = find) =>
  planRetirement(report(services, processes), () => '/etc/init.d/cloudflared', programs, 'sudo ');
const commands = (planned: ReturnType<typeof plan>) => planned.steps.map((step) => (step.kind === 'run' ? `${step.by}: ${step.argv.join(' ')}` : `terminate ${step.pid}`));
const undo = (planned: ReturnType<typeof plan>) => planned.steps.flatMap((step) => step.undo);

describe('an old service', () => {
  test('of systemd is disabled and stopped, with the timer that would start it again', () => {
    const planned = plan([service({ companions: [{ name: 'cloudflared-update.timer', enabled: false }] })]);
    expect(commands(planned)).toEqual(['root: /usr/bin/systemctl disable --now cloudflared.service cloudflared-update.timer']);
    expect(undo(planned)).toEqual(['sudo systemctl enable --now cloudflared.service', 'sudo systemctl start cloudflared-update.timer']);
  });

  test('of a user is theirs to stop', () => {
    const planned = plan([service({ init: 'systemd-user', name: 'tunnel.service' })]);
    expect(commands(planned)).toEqual(['user: /usr/bin/systemctl --user disable --now tunnel.service']);
    expect(undo(planned)).toEqual(['systemctl --user enable --now tunnel.service']);
  });

  test('of OpenRC leaves its runlevels, then stops', () => {
    const planned = plan([service({ init: 'openrc', name: 'cloudflared', enabledBy: ['default', 'boot'] })]);
    expect(commands(planned)).toEqual(['root: /usr/bin/rc-update del cloudflared default', 'root: /usr/bin/rc-update del cloudflared boot', 'root: /usr/bin/rc-service cloudflared stop']);
    expect(undo(planned)).toEqual(['sudo rc-update add cloudflared default', 'sudo rc-update add cloudflared boot', 'sudo rc-service cloudflared start']);
  });

  test('of SysV loses the links that start it, and its script stays', () => {
    const planned = plan([service({ init: 'sysv', name: 'cloudflared', file: '/etc/init.d/cloudflared', enabledBy: ['/etc/rc2.d/S50et'] })]);
    expect(commands(planned)).toEqual(['root: /usr/bin/rm -f -- /etc/rc2.d/S50et', 'root: /etc/init.d/cloudflared stop']);
    expect(undo(planned)).toEqual(['sudo ln -s /etc/init.d/cloudflared /etc/rc2.d/S50et', 'sudo /etc/init.d/cloudflared start']);
  });

  test('that neither runs nor starts is left alone, and one of an init system that is not there is said', () => {
    expect(plan([service({ running: false, enabledBy: [] })], [])).toMatchObject({ steps: [], left: [] });
    expect(plan([service({})], [], () => undefined)).toMatchObject({ steps: [], left: [expect.stringContaining('systemd does not run here') as string] });
  });
});

describe('an old process', () => {
  test('that no service keeps is told to end, and how it was started is what undoes that', () => {
    const planned = plan([], [running({ service: null, gracePeriod: '1m30s' })]);
    expect(commands(planned)).toEqual(['terminate 4000001']);
    expect(undo(planned)).toEqual(['sudo cloudflared tunnel run']);
    expect(undo(plan([], [running({ service: null, uid: 1_000 })]))).toEqual(['cloudflared tunnel run']);
    expect(planned.graceMs).toBe(90_000);
  });

  test('in a container is left to whoever started that', () => {
    expect(plan([], [running({ service: null, inContainer: true })])).toMatchObject({ steps: [], processes: [], left: [expect.stringContaining('stop the container') as string] });
  });

  test('is told once, and waited for', async () => {
    const child = spawn(process.execPath, ['-e', "let told = 0; process.on('SIGTERM', () => { told += 1; if (told === 1) setTimeout(() => process.exit(told), 300); }); console.log('ready'); setInterval(() => {}, 1000)"], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const exited = once(child, 'exit');
    const { startTime } = readProcess(child.pid ?? 0) ?? { startTime: '' };
    const retired = await carryOutRetirement(plan([], [running({ pid: child.pid ?? 0, startTime, uid: process.geteuid?.() ?? 0, service: null })]), { env: {}, runAsOwner: async () => undefined });
    expect(retired).toEqual({ ended: [child.pid], draining: [] });
    expect((await exited)[0]).toBe(1);
  });

  test('of the same pid and another time is somebody else', async () => {
    const child = spawn(process.execPath, ['-e', "console.log('ready'); setInterval(() => {}, 1000)"], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const retired = await carryOutRetirement(plan([], [running({ pid: child.pid ?? 0, startTime: '1', uid: process.geteuid?.() ?? 0, service: null })]), { env: {}, runAsOwner: async () => undefined });
    expect(retired).toEqual({ ended: [child.pid], draining: [] });
    expect(child.exitCode).toBeNull();
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
});

test('a process is told to end also where there is no program for that', async () => {
  expect(terminateCommand(42, find)).toEqual(['/usr/bin/kill', '-TERM', '42']);
  const child = spawn('sleep', ['60']);
  const ended = once(child, 'exit');
  const [program, ...words] = terminateCommand(child.pid ?? 0, () => undefined);
  expect(spawnSync(program ?? '', words, { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  expect(await ended).toEqual([null, 'SIGTERM']);
});

test('what nobody serves without the old connector is said, and what is published here under the same name is not', () => {
  const rule = (number: number, hostname: string, path = '') => ({ number, hostname, path, service: 'http://localhost:1', code: 'SKIPPED', reason: 'is left out as asked' });
  expect(describeLost({ refused: [rule(2, 'api.example.com', '/api')], skipped: [rule(3, 'app.example.com'), rule(4, '')] }, [{ hostname: 'app.example.com' }])).toEqual([
    expect.stringMatching(/^Rule #2 \(api\.example\.com \/api → /) as string,
    expect.stringMatching(/^Rule #4 \(every other name → /) as string,
  ]);
});
