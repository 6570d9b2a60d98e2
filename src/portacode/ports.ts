import type { Warning } from '../core/dns.js';
import type { ForwardingRule } from '../core/rule.js';
import type { RuleView, SetupStatus } from '../core/status.js';
import type { TunnelIdentity } from '../core/tunnel.js';
import type { JsonObject } from './json.js';

/** What Portacode's commands need of the supervisor that carries them out. */

export interface StoredRules {
  readonly rules: readonly ForwardingRule[];
  readonly setAside: readonly ForwardingRule[];
}

export interface Published {
  readonly stored: StoredRules;
  readonly views: readonly RuleView[];
  /** Of the current revision, ISO 8601; undefined before the first. */
  readonly at: string | undefined;
}

export interface ChangeAnswer {
  readonly outcome: 'applied' | 'unchanged' | 'planned';
  readonly change: string | null;
  readonly revision: number;
  readonly rules: readonly RuleView[];
  readonly warnings: readonly Warning[];
  readonly plan: readonly { readonly kind: string; readonly [field: string]: unknown }[] | null;
  readonly durationMs: number;
}

export interface ChangeWish {
  readonly takeover?: boolean;
  readonly dryRun?: boolean;
}

export interface Forwarding {
  readonly current: () => Published;
  /** `edit` is pure and called when its turn comes, maybe more than once; `asked` are the names that a takeover is about. */
  edit(edit: (stored: StoredRules) => StoredRules & { readonly asked?: readonly string[] }, wish: ChangeWish): Promise<ChangeAnswer>;
  /** The same rules: devices are resolved and records looked at again. */
  refresh(wish: ChangeWish): Promise<ChangeAnswer>;
}

export interface SetupWish {
  readonly name: string;
  readonly timeoutMs: number;
  readonly takeover?: boolean;
  readonly join?: boolean;
}

export interface TunnelSetup {
  /** Joins the one under way where it is the same. `outcome` rejects with why it failed. */
  start(wish: SetupWish): Promise<{ readonly joined: boolean; readonly outcome: Promise<{ readonly domain: string; readonly warnings: readonly Warning[] }> }>;
  cancel(): Promise<boolean>;
  readonly status: () => SetupStatus;
}

export interface Devices {
  /** The number of the device's container. @throws why there is none, or none can be found now */
  findVmid(deviceId: string): Promise<number>;
  /** Looks the address up, waiting for a lease as long as it is told to; resolves with whether anything changed. */
  reconcile(deviceId: string, attempts: number, pauseMs: number): Promise<boolean>;
}

export interface PortacodePorts {
  readonly tunnel: () => TunnelIdentity | undefined;
  readonly forwarding: Forwarding;
  readonly setup: TunnelSetup;
  readonly devices: Devices;
  /**
   * The tunnel's state file as it is now, with all that was reported so far; `{}` where there is none, or none that can be
   * read. Never rejects: what it is a part of happened all the same.
   */
  readonly tunnelFile: () => Promise<JsonObject>;
}
