import process from 'node:process';

import type { RunFaults } from '../faults.js';
import type { Logger } from '../log/logger.js';

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

/** Starts the faults that do not change what the connector does, but whether it lives. */
export function startFaults(faults: RunFaults, log: Logger): void {
  if (faults.crash !== undefined) crash(faults.crash);
  if (faults.floodLinesPerSecond !== undefined) flood(faults.floodLinesPerSecond, log);
}
