import { toSupervisorError } from '../../core/errors.js';
import { readRunOptions } from '../../daemon/options.js';
import { restartService, startService } from '../../service/drive-service.js';
import type { DaemonPort, Serving } from '../../service/ports.js';
import { findUnit, type InstalledUnit } from '../../service/units.js';
import type { CommandContext, RunCommand } from '../command.js';
import { readRunFlags } from '../run-flags.js';
import { START_TIMEOUT_MS } from '../background-daemon.js';
import { differingOptions, isKept, readRunningDaemon } from '../running-daemon.js';
import { createDaemonPort, readOwner } from './service-target.js';

/** In which whoever keeps a daemon starts it again after a handover: the agent's unit takes five seconds. */
const KEEPER_TIMEOUT_MS = 8_000;

export const run: RunCommand = async (context) => {
  const { output, options } = context;
  const flags = readRunFlags(options);
  const given = readRunOptions(flags, context.environment); // wrong ones are said before anything is done, also where a daemon serves
  const daemon = await createDaemonPort(context);
  const serving = await daemon.whoServes();
  if (serving !== undefined && !options.flag('restart')) {
    const differing = differingOptions(readRunningDaemon(serving.pid), given) ?? [];
    if (differing.length > 0)
      output.warn([{ code: 'OPTIONS_OF_DAEMON', message: `The daemon goes on with the options that it was started with, and those given now are others (${differing.join(', ')}); \`up --restart\` gives it these.` }]);
    tellServing(context, serving);
    return 0;
  }
  const unit = findUnit(await readOwner(context));
  if (unit === undefined) await startWithoutUnit(context, daemon, serving);
  else await startThroughUnit(context, daemon, unit);
  return 0;
};

async function startWithoutUnit(context: CommandContext, daemon: DaemonPort, serving: Serving | undefined): Promise<void> {
  if (serving !== undefined) {
    const hasKeeper = isKept(readRunningDaemon(serving.pid));
    await daemon.handOver(serving.pid);
    // Two would be started, and the one that comes too late may take its container along.
    const next = hasKeeper ? await daemon.awaitServing(KEEPER_TIMEOUT_MS) : undefined;
    if (next !== undefined) {
      context.output.value({ started: true, ...next });
      context.output.line(`The daemon serves (pid ${String(next.pid)}), started again by what keeps it, with the options that that gives it.`);
      return;
    }
  }
  context.output.progress('Starting …');
  const ready = await startOrFindStarted(daemon);
  if (ready.isOthers) {
    tellServing(context, ready.serving);
    return;
  }
  const { paths } = await context.places();
  context.output.value({ started: true, ...ready.serving });
  context.output.line(`The daemon serves (pid ${String(ready.serving.pid)}); its log is ${paths.daemonLog}.`);
}

/** Of several that start one at once, one does: its daemon is what the others wanted too. */
async function startOrFindStarted(daemon: DaemonPort): Promise<{ readonly serving: Serving; readonly isOthers: boolean }> {
  try {
    return { serving: await daemon.startInBackground(), isOthers: false };
  } catch (error) {
    if (toSupervisorError(error).code !== 'LOCK_HELD') throw error;
    const serving = await daemon.awaitServing(START_TIMEOUT_MS);
    if (serving === undefined) throw error;
    return { serving, isOthers: true };
  }
}

function tellServing({ output }: CommandContext, serving: Serving): void {
  output.value({ started: false, ...serving });
  output.line(`A daemon serves already (pid ${String(serving.pid)}).`);
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
