import { existsSync } from 'node:fs';
import { DEFAULT_POLICY, STOP_MARGIN_MS } from '../connector/policy.js';
import type { FactFinder } from '../connector/ports.js';
import { ConnectorSupervisor } from '../connector/supervisor.js';
import { createLauncher } from '../cloudflared/launcher.js';
import { createProber } from '../cloudflared/readiness.js';
import { systemClock, toIso } from '../core/clock.js';
import { HANDED_OVER, SupervisorError } from '../core/errors.js';
import { becomeUser } from '../host/as-user.js';
import type { Environment } from '../host/child-environment.js';
import { resolveIdentity } from '../host/identity.js';
import { acquireLock } from '../host/lock.js';
import { decidePlaces, type Places } from '../host/places.js';
import { createRedactor } from '../host/redact.js';
import type { RunOptions } from './options.js';

export interface Swept {
  /** Connectors that were left, and have ended now. */
  readonly ended: number;
  /** Why nothing was looked for: somebody holds the lock, or the next daemon is to take them over. */
  readonly left: 'none' | 'daemon-serves' | 'daemon-crashed' | 'handed-over';
}

/**
 * Ends the connectors that a stopped daemon left: with one SIGTERM each where they had none yet, and within their grace
 * period. What crashed or handed over is left to the next daemon: systemd says so in variables (`ExecStopPost=`).
 */
export async function sweepConnectors(options: RunOptions, env: Environment): Promise<Swept> {
  const why = whyToLeave(env);
  if (why !== undefined) return { ended: 0, left: why };
  const identity = resolveIdentity({ user: options.user, env, directoriesGiven: options.baseDir !== undefined && options.stateDir !== undefined });
  becomeUser(identity);
  const places = decidePlaces({ identity, options, env });
  if (!existsSync(places.baseDir)) return { ended: 0, left: 'none' };
  try {
    const lock = acquireLock(places.paths.lock, { command: 'cloudflared-supervisor service sweep', since: toIso(systemClock.now()) });
    try {
      return { ended: await endOrphans(places, options), left: 'none' };
    } finally {
      lock.release();
    }
  } catch (error) {
    if (error instanceof SupervisorError && error.code === 'LOCK_HELD') return { ended: 0, left: 'daemon-serves' };
    throw error;
  }
}

/** Undefined where nobody says, and after a stop: a clean one, or one that took too long and was forced. */
export function whyToLeave({ SERVICE_RESULT: result, EXIT_STATUS: status }: Environment): Swept['left'] | undefined {
  if (result === undefined || result === '' || result === 'timeout') return undefined;
  if (status === String(HANDED_OVER)) return 'handed-over';
  return result === 'success' ? undefined : 'daemon-crashed';
}

async function endOrphans({ paths }: Places, { gracePeriod }: RunOptions): Promise<number> {
  const connectors = new ConnectorSupervisor(
    {
      launcher: createLauncher({
        paths,
        binary: startsNothing,
        tunnelIdOf: startsNothing,
        env: {},
        options: { edge: [], edgeCa: undefined, protocol: undefined, connections: undefined, gracePeriodMs: gracePeriod, logLevel: 'info' },
        redactor: createRedactor(),
        onLogLine: () => undefined,
      }),
      prober: createProber(),
      facts: NO_FACTS,
      emit: () => undefined,
      clock: systemClock,
      random: Math.random,
    },
    { policy: gracePeriod === undefined ? DEFAULT_POLICY : { ...DEFAULT_POLICY, stopTimeoutMs: gracePeriod + STOP_MARGIN_MS } },
  );
  const orphans = await connectors.adoptOrphans();
  await connectors.stopAll();
  return orphans.length;
}

const startsNothing = (): Promise<never> => Promise.reject(new SupervisorError('DAEMON_STOPPING', 'Nothing is started here'));

/** Only what is started is examined. */
const NO_FACTS: FactFinder = {
  preflight: () => Promise.resolve(undefined),
  checkBinary: () => Promise.resolve(undefined),
  refusedConfig: () => Promise.resolve(undefined),
  portTaken: () => Promise.resolve(false),
  network: () => Promise.resolve('up'),
  resolver: () => Promise.resolve('answers'),
  edgeIsNamed: () => false,
  tunnel: () => Promise.resolve('unknown'),
  memoryKills: () => Promise.resolve(undefined),
  fingerprint: () => Promise.resolve(''),
};
