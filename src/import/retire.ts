import { durationSeconds } from '../core/duration.js';
import type { Argv } from '../host/run-program.js';
import type { ProcessReport, ServiceReport, TunnelReport } from './report.js';

/** How the old connectors of a tunnel are stopped and kept from coming back, as data. Nothing of them is deleted. */

export type RetireStep =
  /** `tolerant`: its failure says nothing; whether the process ends does. */
  | { readonly kind: 'run'; readonly by: 'root' | 'user'; readonly argv: Argv; readonly timeoutMs: number; readonly tolerant: boolean; readonly undo: readonly string[] }
  | { readonly kind: 'terminate'; readonly pid: number; readonly startTime: string; readonly uid: number; readonly undo: readonly string[] };

export interface Retirement {
  readonly steps: readonly RetireStep[];
  /** What has to end. */
  readonly processes: readonly ProcessReport[];
  /** Why something of it is left alone. */
  readonly left: readonly string[];
  /** Of the longest grace period among them, ms. */
  readonly graceMs: number;
}

/** The programs of this machine by name; undefined where it has none of that name. */
export type FindProgram = (name: string) => string | undefined;

/** Above the grace period of cloudflared, and the 90 s that systemd gives a unit to stop. */
const STOP_TIMEOUT_MS = 150_000;
const COMMAND_TIMEOUT_MS = 30_000;
/** cloudflared's own, where it was told nothing. */
const DEFAULT_GRACE_MS = 30_000;
const LONGEST_GRACE_MS = 180_000;

/** `asRoot` is how a person gets to be root here: `sudo `, or nothing. Pure. */
export function planRetirement(report: TunnelReport, readLink: (path: string) => string | undefined, find: FindProgram, asRoot: string): Retirement {
  const left: string[] = [];
  const steps = report.services.flatMap((service) => retireService(service, { readLink, find, asRoot }, left));
  const bare = report.processes.filter(({ service }) => service === null);
  for (const { pid } of bare.filter(({ inContainer }) => inContainer)) left.push(`Process ${pid} runs in a container: stop the container, which would start it again.`);
  const ended = report.processes.filter(({ inContainer }) => !inContainer);
  return {
    steps: [...steps, ...bare.filter(({ inContainer }) => !inContainer).map((process) => terminate(process, asRoot))],
    processes: ended,
    left,
    graceMs: Math.max(0, ...ended.map(({ gracePeriod }) => graceOf(gracePeriod))),
  };
}

/** What the old connector alone serves: rules that were not taken over, of names for which there is no rule here. */
export function describeLost({ refused, skipped }: Pick<TunnelReport, 'refused' | 'skipped'>, ours: readonly { readonly hostname: string }[]): readonly string[] {
  return [...refused, ...skipped].filter(({ hostname }) => !ours.some((rule) => rule.hostname === hostname))
    .map(({ number, hostname, path, service }) => `Rule #${number} (${hostname === '' ? 'every other name' : hostname}${path === '' ? '' : ` ${path}`} → ${service}) was not taken over, and nobody serves it without the old connector.`);
}

const terminate = ({ pid, startTime, uid, commandLine }: ProcessReport, asRoot: string): RetireStep => ({ kind: 'terminate', pid, startTime, uid, undo: [uid === 0 ? asRoot + commandLine : commandLine] });

interface Place {
  readonly readLink: (path: string) => string | undefined;
  readonly find: FindProgram;
  readonly asRoot: string;
}

const BY_INIT: { readonly [K in ServiceReport['init']]: (service: ServiceReport, place: Place) => readonly RetireStep[] } = {
  systemd: ({ name, enabledBy, companions }, { find, asRoot }) => {
    const units = [{ name, enabled: enabledBy.length > 0 }, ...companions];
    const back = units.map((unit) => `${asRoot}systemctl ${unit.enabled ? 'enable --now' : 'start'} ${unit.name}`);
    return [run([find('systemctl') ?? 'systemctl', 'disable', '--now', ...units.map((unit) => unit.name)], back, { timeoutMs: STOP_TIMEOUT_MS })];
  },
  'systemd-user': ({ name, enabledBy }, { find }) => [
    run([find('systemctl') ?? 'systemctl', '--user', 'disable', '--now', name], [`systemctl --user ${enabledBy.length > 0 ? 'enable --now' : 'start'} ${name}`], { by: 'user', timeoutMs: STOP_TIMEOUT_MS }),
  ],
  openrc: ({ name, enabledBy, running }, { find, asRoot }) => [
    ...enabledBy.map((level) => run([find('rc-update') ?? 'rc-update', 'del', name, level], [`${asRoot}rc-update add ${name} ${level}`])),
    ...(running ? [run([find('rc-service') ?? 'rc-service', name, 'stop'], [`${asRoot}rc-service ${name} start`], { timeoutMs: STOP_TIMEOUT_MS })] : []),
  ],
  sysv: ({ file, enabledBy, running }, { readLink, find, asRoot }) => [
    ...(enabledBy.length === 0 ? [] : [run([find('rm') ?? 'rm', '-f', '--', ...enabledBy], enabledBy.map((link) => `${asRoot}ln -s ${readLink(link) ?? file} ${link}`))]),
    // Its own script waits ten seconds at most, and then says that it failed.
    ...(running ? [run([file, 'stop'], [`${asRoot}${file} start`], { timeoutMs: STOP_TIMEOUT_MS, tolerant: true })] : []),
  ],
};

function run(argv: Argv, undo: readonly string[], more: Partial<Extract<RetireStep, { readonly kind: 'run' }>> = {}): RetireStep {
  return { kind: 'run', by: 'root', argv, timeoutMs: COMMAND_TIMEOUT_MS, tolerant: false, undo, ...more };
}

function retireService(service: ServiceReport, place: Place, left: string[]): readonly RetireStep[] {
  const { init, enabledBy, running, file } = service;
  if (enabledBy.length === 0 && !running) return [];
  if (init.startsWith('systemd') && place.find('systemctl') === undefined) {
    left.push(`${file} is left as it is: systemd does not run here.`);
    return [];
  }
  return BY_INIT[init](service, place);
}

function graceOf(text: string | null): number {
  const seconds = durationSeconds(text ?? '');
  return seconds === undefined ? DEFAULT_GRACE_MS : Math.min(LONGEST_GRACE_MS, seconds * 1_000);
}
