import type { AnswerOf, SupervisorClient } from '../api/client.js';
import { SupervisorError } from '../core/errors.js';
import { runAsUser } from '../host/as-user.js';
import { childEnvironment, type Environment } from '../host/child-environment.js';
import type { Identity } from '../host/identity.js';
import { builtFile } from '../host/package-files.js';
import type { Places } from '../host/places.js';
import { START_TIMEOUT_MS, startDetached, type BackgroundStart, type DaemonReady } from './background-daemon.js';
import { daemonArguments, placeArguments, withoutPlaces } from './daemon-arguments.js';
import type { GivenOptions } from './command.js';

/** The status of the daemon that serves, or undefined where none does. */
export async function whoServes(client: SupervisorClient, signal: AbortSignal): Promise<AnswerOf<'status'> | undefined> {
  try {
    return await client.status({ signal });
  } catch (error) {
    if (error instanceof SupervisorError && error.code === 'DAEMON_UNREACHABLE') return undefined;
    throw error;
  }
}

export interface StartRequest {
  readonly identity: Identity;
  readonly places: Places;
  /** As they were given: those of `run` are passed on. */
  readonly options: GivenOptions;
  readonly environment: Environment;
  readonly signal: AbortSignal;
}

/** The child has become the user, and must itself be given up after the daemon was. */
const CHILD_TIMEOUT_MS = START_TIMEOUT_MS + 10_000;

/**
 * Starts `run` in the background, with its log in the base directory; resolves when it says that it serves. As root for
 * another user everything, from the log file on, is done by a process that has become that user.
 */
export async function startInBackground({ identity, places, options, environment, signal }: StartRequest): Promise<DaemonReady> {
  const isOurself = process.geteuid === undefined || process.geteuid() === identity.uid;
  const seen = withoutPlaces(isOurself ? environment : environmentOf(identity, environment));
  const start: BackgroundStart = {
    logFile: places.paths.daemonLog,
    arguments: [...placeArguments(identity, places, seen), ...daemonArguments(options, environment)],
    environment: seen,
  };
  if (isOurself) return await startDetached(start, signal);
  return (await runAsUser(identity, builtFile('cli/background-daemon'), start, { timeoutMs: CHILD_TIMEOUT_MS })) as DaemonReady;
}

/** Nothing of root's: neither HOME nor XDG, only what was meant for the daemon. */
function environmentOf(identity: Identity, environment: Environment): Environment {
  const { name, home } = identity;
  const ours = Object.entries(environment).filter(([variable]) => variable.startsWith('CLOUDFLARED_SUPERVISOR_'));
  return { ...childEnvironment({ env: environment, home: home ?? '/' }), USER: name, LOGNAME: name, ...Object.fromEntries(ours) };
}
