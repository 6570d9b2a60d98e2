import type { Clock } from '../core/clock.js';
import type { Warning } from '../core/dns.js';
import type { Emit } from '../core/events.js';
import type { RuleView } from '../core/status.js';
import type { TunnelIdentity } from '../core/tunnel.js';
import type { Gate, JournalStore } from '../transaction/ports.js';
import type { AddressResolver, Connectors, Copies, DnsRecords, RevisionStore, TunnelArtifacts } from './ports.js';
import type { RulesEdit, StoredRules } from './rules-edit.js';
import type { ForwardingStep } from './steps.js';

/** What can be asked of the one writer, what it answers, and what it needs to do it. */

export type ReplaceMode = 'overlap' | 'restart';

export type ChangeRequest =
  /** Adds, changes or removes some of the stored rules: `addRule`, `removeRule`, or an edit of the caller's. */
  | { readonly kind: 'edit'; readonly edit: RulesEdit }
  /** These rules instead of the stored ones. What has no rule in the list goes; see `replaceRules` for those set aside. */
  | { readonly kind: 'replace'; readonly rules: unknown; readonly keepSetAside?: boolean }
  /** The same rules; devices are resolved and records looked at again. */
  | { readonly kind: 'refresh' }
  /** The rules of an earlier revision; by default of the one before the current. */
  | { readonly kind: 'rollback'; readonly revision?: number }
  /** A setup: the stored rules on the tunnel that `TunnelArtifacts.install(setup)` puts in place. */
  | { readonly kind: 'publish'; readonly setup: string; readonly tunnel: TunnelIdentity; /** Of what others published on it: what it gives that was not stored must be right in all. */ readonly edit?: RulesEdit };

export interface ChangeOptions {
  /** For events and the revision: `user`, `setup`, `rollback`, `device`, `copy-edited`, `portacode`, `recovery`. */
  readonly reason: string;
  /** Replace DNS records that are not ours. */
  readonly takeover?: boolean;
  /** Answer with the plan; change nothing. */
  readonly dryRun?: boolean;
  /** Refuse with REVISION_CHANGED unless this is the current revision; 0 is "none yet". */
  readonly ifRevision?: number;
  /** Gives the change up: at once while it waits or can still be undone without a trace outside, else not at all. */
  readonly signal?: AbortSignal;
}

/** What the control API answers to a change. */
export interface ChangeOutcome {
  readonly outcome: 'applied' | 'unchanged' | 'planned';
  /** Its name in events and journal; null where nothing was begun. */
  readonly change: string | null;
  /** The revision that is current now; of a dry run, the one that would be. */
  readonly revision: number;
  readonly rules: readonly RuleView[];
  readonly warnings: readonly Warning[];
  /** What a dry run would do; null otherwise. */
  readonly plan: readonly ForwardingStep[] | null;
  /** From acceptance to the end of the change. */
  readonly durationMs: number;
}

/** An address that must not be served under this device's names a moment longer: it is somebody else's now. */
export interface WithdrawnAddress {
  readonly deviceId: string;
  readonly address: string;
}

export interface ApplyLimits {
  /** From the start of a connector until it is ready and shows our rules. */
  readonly verifyTimeoutMs: number;
  /** The same for one that runs fewer rules: then it is looked whether anybody serves at all. */
  readonly removalTimeoutMs: number;
  /** How long one DNS record is tried while Cloudflare is away or throttles. */
  readonly dnsTimeoutMs: number;
  /** How long removing one record is tried before it is owed. */
  readonly withdrawTimeoutMs: number;
  /** How long undoing one step is waited for. */
  readonly undoTimeoutMs: number;
  /** How long undoing records is waited for in all, before the rest is owed. */
  readonly undoAllTimeoutMs: number;
  /** How long those that are to end serve on because their successor, proven before, is not ready any more. */
  readonly successorTimeoutMs: number;
  /** While an address is withdrawn: how long the connector that must go may go on because the new one is not ready. */
  readonly killAfterMs: number;
  /** Changes that wait. */
  readonly maxWaiting: number;
}

export const DEFAULT_LIMITS: ApplyLimits = {
  verifyTimeoutMs: 60_000, // a resolver that swallows packets costs cloudflared 30 s before it dials
  removalTimeoutMs: 10_000,
  dnsTimeoutMs: 120_000,
  withdrawTimeoutMs: 15_000,
  undoTimeoutMs: 30_000,
  undoAllTimeoutMs: 300_000, // Cloudflare takes 1,200 requests in it
  successorTimeoutMs: 15_000,
  killAfterMs: 3_000,
  maxWaiting: 256,
};

export interface ApplyPorts {
  readonly revisions: RevisionStore;
  readonly connectors: Connectors;
  readonly dns: DnsRecords;
  readonly addresses: AddressResolver;
  readonly copies: Copies;
  readonly artifacts: TunnelArtifacts;
  readonly journals: JournalStore;
  readonly emit: Emit;
  readonly clock: Clock;
  /** The tunnel that is in use; undefined before the first setup. */
  readonly tunnel: () => TunnelIdentity | undefined;
  /** Absolute path of the credentials file of this tunnel. */
  readonly credentialsFile: (tunnelId: string) => string;
  /** Unique, sortable by time. */
  readonly createChangeId: () => string;
  /** Asked once a change. The warning says why it is not what the user chose (memory). */
  readonly chooseReplaceMode: () => { readonly mode: ReplaceMode; readonly warning?: Warning };
  /** Whether a file is there and can be read: for `caPool`. */
  readonly fileExists: (path: string) => Promise<boolean>;
  /** What another program had published before our first revision: taken over with it. Absent: nothing. */
  readonly inherited?: () => Promise<StoredRules>;
  readonly limits?: Partial<ApplyLimits>;
  readonly gate?: Gate;
}
