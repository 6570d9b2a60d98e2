import { toSupervisorError } from '../../core/errors.js';
import { readRunOptions } from '../../daemon/options.js';
import { restartService, startService } from '../../service/drive-service.js';
import type { DaemonPort, Serving } from '../../service/ports.js';
import { findUnit, type InstalledUnit } from '../../service/units.js';
import type { CommandContext, RunCommand } from '../command.js';
import { readRunFlags } from '../run-flags.js';
import { createDaemonPort, readOwner } from './service-target.js';

/** They say whose daemon it is, and not how it works. */
const PLACES: ReadonlySet<string> = new Set(['user', 'base-dir', 'state-dir', 'socket']);

export const run: RunCommand = async (context) => {
  const { output, options } = context;
  const flags = readRunFlags(options);
  readRunOptions(flags, context.environment); // said before anything is done, also where a daemon serves
  const daemon = await createDaemonPort(context);
  const serving = await daemon.whoServes();
  if (serving !== undefined && !options.flag('restart')) {
    if (Object.keys(flags).some((name) => !PLACES.has(name)))
      output.warn([{ code: 'OPTIONS_OF_DAEMON', message: 'The daemon goes on with the options that it was started with; `up --restart` gives it these.' }]);
    output.value({ started: false, ...serving });
    output.line(`A daemon serves already (pid ${String(serving.pid)}).`);
    return 0;
  }
  const unit = findUnit(await readOwner(context));
  if (unit === undefined) await startWithoutUnit(context, daemon, serving);
  else await startThroughUnit(context, daemon, unit);
  return 0;
};

async function startWithoutUnit(context: CommandContext, daemon: DaemonPort, serving: Serving | undefined): Promise<void> {
  if (serving !== undefined) await daemon.handOver(serving.pid);
  context.output.progress('Starting …');
  const ready = await daemon.startInBackground();
  const { paths } = await context.places();
  context.output.value({ started: true, ...ready });
  context.output.line(`The daemon serves (pid ${String(ready.pid)}); its log is ${paths.daemonLog}.`);
}

async function startThroughUnit(context: CommandContext, daemon: DaemonPort, { driver }: InstalledUnit): Promise<void> {
  const { output, options } = context;
  output.progress('Starting …');
  if (Object.keys(readRunFlags(options)).some((name) => name !== 'user' && name !== 'base-dir'))
    output.warn([{ code: 'OPTIONS_OF_UNIT', message: `The options in ${driver.unitFile} count; \`service install\` changes them.` }]);
  try {
    const { serving, warnings } = await (options.flag('restart') ? restartService : startService)(driver, context.identity(), daemon);
    output.warn(warnings);
    output.value({ started: true, unit: driver.unitFile, ...serving });
    output.line(`The daemon serves (pid ${String(serving?.pid)}) through ${driver.unitFile}; its log: ${driver.logCommand}.`);
  } catch (error) {
    const { code, message } = toSupervisorError(error);
    if (!code.startsWith('PRIVILEGE_')) throw error;
    // What counts is that somebody serves.
    output.warn([{ code, message: `The unit cannot be started from here, so the daemon is started without it: ${message}` }]);
    const left = await daemon.whoServes();
    if (left === undefined) await startWithoutUnit(context, daemon, undefined);
    else output.value({ started: true, ...left });
  }
}
