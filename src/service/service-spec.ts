import type { UserIds } from '../host/as-user.js';

/** `system`: a unit of the machine, with `User=`. `user`: one of the user's own systemd, kept alive by lingering. */
export type Scope = 'system' | 'user';

/** The name of our unit, and of everything that we put beside it. Never `cloudflared`: that is somebody else's. */
export const SERVICE_NAME = 'cloudflared-supervisor';

/** What is to run, for whom, and with what: all that a unit says. */
export interface ServiceSpec {
  readonly user: UserIds;
  /** Absolute: of the Node that runs us, and of our own program. */
  readonly node: string;
  readonly program: string;
  /** Of `run`, whole and absolute. */
  readonly runArguments: readonly string[];
  /** Of `service sweep`: where everything is, where that is not the default. */
  readonly placeArguments: readonly string[];
  readonly baseDir: string;
  readonly stateDir: string;
  /** The daemon's own log, where the init system keeps none. */
  readonly logFile: string;
  /** PATH, proxies and certificates, as they are here. */
  readonly environment: Readonly<Record<string, string>>;
  /** How long requests in flight may finish, ms. */
  readonly gracePeriodMs: number;
}

/** cloudflared's own, where nobody says otherwise. */
export const DEFAULT_GRACE_PERIOD_MS = 30_000;

/**
 * On top of the grace period before the init system may use force: a change that is being made gets 10 s, a connector
 * 5 s to end after its grace period, 5 s more to be killed, and as much again is left over for a slow machine.
 */
const STOP_ALLOWANCE_S = 35;

export const stopTimeoutSeconds = ({ gracePeriodMs }: ServiceSpec): number => Math.ceil(gracePeriodMs / 1_000) + STOP_ALLOWANCE_S;
