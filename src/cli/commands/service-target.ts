import { SupervisorError } from '../../core/errors.js';
import { childEnvironment, SYSTEM_PATH } from '../../host/child-environment.js';
import { systemClock } from '../../core/clock.js';
import { isAbsolute } from 'node:path';
import type { Environment } from '../../host/child-environment.js';
import type { Identity } from '../../host/identity.js';
import { builtFile } from '../../host/package-files.js';
import type { DaemonPort, Serving } from '../../service/ports.js';
import { DEFAULT_GRACE_PERIOD_MS, type Scope, type ServiceSpec } from '../../service/service-spec.js';
import type { UnitOwner } from '../../service/units.js';
import type { CommandContext } from '../command.js';
import { daemonArguments, placeArguments } from '../daemon-arguments.js';
import { readRunFlags } from '../run-flags.js';
import { startInBackground, whoServes } from '../start-daemon.js';
import { waitForEnd } from '../wait-for-end.js';
import { readRunOptions } from '../../daemon/options.js';

const POLL_MS = 100;

/** @throws SupervisorError OPTION_INVALID */
export function readScope({ options }: CommandContext): Scope | undefined {
  const scope = options.text('scope');
  if (scope === undefined || scope === 'system' || scope === 'user') return scope;
  throw new SupervisorError('OPTION_INVALID', `--scope must be system or user, and not ${JSON.stringify(scope)}`);
}

export async function readOwner(context: CommandContext): Promise<UnitOwner> {
  const { baseDir } = await context.places();
  return { user: context.identity(), baseDir };
}

/** Everything that the unit is to say: options as given here, by flag or variable, and the environment that matters. */
export async function readSpec(context: CommandContext): Promise<ServiceSpec> {
  const { options, environment } = context;
  const [identity, places] = [context.identity(), await context.places()];
  const given = daemonArguments(options, environment);
  const { gracePeriod } = readRunOptions(readRunFlags(options), environment);
  // A unit has no XDG variables.
  const where = placeArguments(identity, places, {});
  return {
    user: identity,
    node: process.execPath,
    program: builtFile('cli/main'),
    runArguments: [...where, ...given],
    placeArguments: [...where, ...(gracePeriod === undefined ? [] : ['--grace-period', `${gracePeriod}ms`])],
    baseDir: places.baseDir,
    stateDir: places.stateDir,
    logFile: places.paths.daemonLog,
    environment: environmentOf(identity, environment),
    gracePeriodMs: gracePeriod ?? DEFAULT_GRACE_PERIOD_MS,
  };
}

/** PATH, so that the same cloudflared is found; proxies and certificates. Not HOME, LANG and TZ: the init system has its own. */
function environmentOf(identity: Identity, environment: Environment): Readonly<Record<string, string>> {
  const { PATH, ...kept } = childEnvironment({ env: environment, home: '/' });
  for (const name of ['HOME', 'LANG', 'TZ']) delete kept[name];
  return { PATH: searchPath(identity, PATH), ...kept };
}

/** The user's own where they ask themselves; root's says nothing about where a user has programs. The system's places at the end. */
function searchPath(identity: Identity, path: string | undefined): string {
  const own = process.geteuid?.() === identity.uid && path !== undefined ? path.split(':').filter(isAbsolute) : [];
  return [...new Set([...own, ...SYSTEM_PATH.split(':')])].join(':');
}

/** The daemon of this base directory, over its control API. */
export async function createDaemonPort(context: CommandContext): Promise<DaemonPort> {
  const { environment, options, output, signal } = context;
  const client = await context.client();
  const find = async (): Promise<Serving | undefined> => {
    const status = await whoServes(client, signal);
    return status === undefined ? undefined : { pid: status.daemon.pid, socket: status.daemon.socket, version: status.daemon.version };
  };
  const end = async (pid: number, handover: boolean): Promise<void> => {
    output.progress(handover ? 'Handing over …' : 'Waiting for requests in flight …');
    await client.stopDaemon({ handover }, { signal });
    await waitForEnd(client, pid, signal);
  };
  return {
    whoServes: find,
    handOver: (pid) => end(pid, true),
    stop: (pid) => end(pid, false),
    awaitServing: async (timeoutMs) => {
      const deadline = systemClock.monotonic() + timeoutMs;
      for (;;) {
        const serving = await find();
        if (serving !== undefined || systemClock.monotonic() > deadline) return serving;
        await systemClock.sleep(POLL_MS, signal);
      }
    },
    startInBackground: async () => await startInBackground({ identity: context.identity(), places: await context.places(), options, environment, signal }),
  };
}
