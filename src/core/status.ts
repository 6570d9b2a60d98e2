import type { RuleStatus } from './rule.js';

export const CONNECTOR_STATES = ['starting', 'ready', 'lost', 'draining', 'stopped', 'waiting', 'failed'] as const;
export type ConnectorState = (typeof CONNECTOR_STATES)[number];

export interface ConnectorStatus {
  /** Counts up over the life of the daemon: tells one process from the next. */
  readonly id: number;
  readonly pid: number | null;
  readonly state: ConnectorState;
  readonly revision: number;
  readonly metricsUrl: string | null;
  readonly startedAt: string | null;
  readonly connections: number;
}

export interface RuleView {
  readonly hostname: string;
  readonly path: string | null;
  readonly destination: string;
  readonly status: RuleStatus;
  readonly resolvedIp: string | null;
  /** `created`, `ours`, `adopted`, `taken-over`, `owed`, `unmanaged`, `none`. */
  readonly dns: string;
}

export interface Attention {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export const SETUP_STEPS = ['find-binary', 'log-in', 'find-zone', 'create-tunnel', 'publish'] as const;
export type SetupStep = (typeof SETUP_STEPS)[number];

export interface SetupStatus {
  readonly state: 'none' | 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled';
  readonly step: SetupStep | null;
  readonly loginUrl: string | null;
  readonly expiresAt: string | null;
  readonly message: string | null;
}

export interface Status {
  readonly daemon: {
    readonly pid: number;
    readonly version: string;
    readonly startedAt: string;
    readonly user: string;
    readonly baseDir: string;
    readonly stateDir: string;
    readonly socket: string;
    readonly cloudflared: { readonly path: string; readonly version: string } | null;
    readonly revision: number | null;
  };
  /** `joined`: others run it; this machine runs no connector until it has a rule to serve. */
  readonly tunnel: { readonly id: string; readonly name: string; readonly domain: string; readonly joined: boolean } | null;
  readonly connectors: readonly ConnectorStatus[];
  readonly rules: readonly RuleView[];
  readonly setup: SetupStatus;
  readonly attention: readonly Attention[];
}

/** Why no connector runs, where that is as it should be. Pure. */
export function whyNoConnector({ tunnel, rules, connectors }: { readonly tunnel: { readonly joined: boolean } | null; readonly rules: readonly Pick<RuleView, 'status'>[]; readonly connectors: readonly Pick<ConnectorStatus, 'state'>[] }): string | undefined {
  if (tunnel?.joined !== true || connectors.some(({ state }) => state !== 'draining' && state !== 'stopped') || rules.some(({ status }) => status === 'live')) return undefined;
  return 'this machine joined the tunnel, and runs a connector as soon as it has a rule to serve';
}
