import { execFile } from 'node:child_process';
import type { Environment } from '../host/child-environment.js';
import { SYSTEM_PATH } from '../host/child-environment.js';
import type { Logger } from '../host/logging.js';

/** A manager that does not answer must not hold up the daemon. */
const NOTIFY_TIMEOUT_MS = 5_000;

/**
 * What a systemd unit of `Type=notify` is told. Node cannot open the datagram socket that it is told through, so the
 * `systemd-notify` program does it; the unit has `NotifyAccess=all`. Without NOTIFY_SOCKET all of it does nothing.
 */
export interface SystemdNotifier {
  /** Serving; from now on the watchdog is fed while `isAlive` says so. */
  ready(isAlive: () => boolean): Promise<void>;
  stopping(): Promise<void>;
}

export function createSystemdNotifier(environment: Environment, logger: Logger): SystemdNotifier {
  const socket = environment['NOTIFY_SOCKET'];
  if (socket === undefined || socket === '') return { ready: () => Promise.resolve(), stopping: () => Promise.resolve() };
  let watchdog: NodeJS.Timeout | undefined;

  const notify = (...states: readonly string[]): Promise<void> =>
    new Promise((resolve) => {
      const env = { PATH: environment['PATH'] ?? SYSTEM_PATH, NOTIFY_SOCKET: socket };
      execFile('systemd-notify', [`--pid=${process.pid}`, ...states], { env, timeout: NOTIFY_TIMEOUT_MS }, (error) => {
        if (error !== null) logger.warn({ error, states }, 'systemd could not be told');
        resolve();
      });
    });

  return {
    ready: async (isAlive) => {
      await notify('--ready');
      const intervalMs = readWatchdogInterval(environment);
      if (intervalMs === undefined) return;
      watchdog = setInterval(() => {
        if (isAlive()) void notify('WATCHDOG=1');
      }, intervalMs);
      watchdog.unref();
    },
    stopping: async () => {
      clearInterval(watchdog);
      await notify('STOPPING=1');
    },
  };
}

/** Three times in the time that systemd allows; undefined where it does not watch us. */
export function readWatchdogInterval(environment: Environment): number | undefined {
  const forWhom = environment['WATCHDOG_PID'];
  if (forWhom !== undefined && forWhom !== '' && forWhom !== String(process.pid)) return undefined;
  const usec = environment['WATCHDOG_USEC'] ?? '';
  return /^[1-9]\d{3,14}$/.test(usec) ? Math.max(1, Math.floor(Number(usec) / 3_000)) : undefined;
}
