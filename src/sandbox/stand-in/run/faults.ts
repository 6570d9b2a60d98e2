import process from 'node:process';

import type { RunFaults } from '../faults.js';
import type { Logger } from '../log/logger.js';
import type { Readiness } from './readiness.js';

const FLOOD_PERIOD_MS = 100;

/** Ends the process as the fault says, when its time has come. */
function crash({ afterMs = 0, exitCode = 1, signal }: NonNullable<RunFaults['crash']>): void {
  setTimeout(() => {
    if (signal === undefined) process.exit(exitCode);
    // By its name, so that also a signal that Node ignores has its way; Node refuses a name that is none.
    process.kill(process.pid, signal);
  }, afterMs);
}

function flood(linesPerSecond: number, log: Logger): void {
  let line = 0;
  const timer = setInterval(() => {
    for (let count = 0; count < (linesPerSecond * FLOOD_PERIOD_MS) / 1000; count += 1) {
      line += 1;
      log.info(`Flooding the log: line ${line} ${'x'.repeat(200)}`);
    }
  }, FLOOD_PERIOD_MS);
  timer.unref();
}

/** Aborts when the faults want the connector to be without any connection. */
export function abandonByFault({ neverReady, loseReadinessAfterMs }: RunFaults, readiness: Readiness): AbortSignal {
  const abandoned = new AbortController();
  if (neverReady === true) abandoned.abort();
  if (loseReadinessAfterMs !== undefined) readiness.onceTold(() => setTimeout(() => abandoned.abort(), loseReadinessAfterMs));
  return abandoned.signal;
}

/** The fault `hang`: alive, and nothing else. */
export const hangForever = (): Promise<never> =>
  new Promise(() => {
    // Something must be under way, or Node would end.
    setInterval(() => undefined, 60_000);
  });

/** Starts the faults that do not change what the connector does, but whether it lives. */
export function startFaults(faults: RunFaults, log: Logger): void {
  if (faults.crash !== undefined) crash(faults.crash);
  if (faults.floodLinesPerSecond !== undefined) flood(faults.floodLinesPerSecond, log);
}
