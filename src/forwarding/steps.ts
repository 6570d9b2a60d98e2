import type { DnsChange } from '../core/dns.js';

/**
 * The steps of a change, as data: what a dry run answers and the journal keeps. Connectors are named by the revision
 * they run on, never by a process, so that another process can go on with them.
 */
export type ForwardingStep =
  | { readonly kind: 'write-revision'; readonly revision: number; readonly configHash: string; readonly rules: number }
  /** `setup` names the change that staged certificate and tunnel. */
  | { readonly kind: 'install-artifacts'; readonly setup: string; readonly tunnelId: string }
  /** `replace=restart`: all connectors end, and nothing serves until the next one does. */
  | { readonly kind: 'stop-connectors' }
  /** `urgent`: an address has to go, with or without this connector; it gets seconds, not a minute. */
  | { readonly kind: 'start-connector'; readonly revision: number; readonly urgent: boolean }
  /** `removal`: it runs fewer rules than before, and nothing else is different; then it may go unproven while the edge is away. */
  | { readonly kind: 'verify-connector'; readonly revision: number; readonly urgent: boolean; readonly removal?: true }
  | { readonly kind: 'publish-record'; readonly change: DnsChange }
  /** `base` is the revision that it follows; null is none. Where another one is current, the change is planned anew. */
  | { readonly kind: 'commit-revision'; readonly revision: number; readonly base: number | null }
  | { readonly kind: 'promote-connector'; readonly revision: number }
  /** All connectors on these revisions, without mercy: an address that they serve is somebody else's. */
  | { readonly kind: 'kill-connectors'; readonly revisions: readonly number[] }
  /**
   * All connectors but those on these revisions: SIGTERM, and they drain on. `revision` is the one committed before.
   * `urgent`: with or without a successor that serves.
   */
  | { readonly kind: 'retire-connectors'; readonly revision: number; readonly keep: readonly number[]; readonly urgent?: true }
  | { readonly kind: 'write-copies' }
  /** A revision that was never committed, because the change was planned anew. */
  | { readonly kind: 'drop-revision'; readonly revision: number }
  | { readonly kind: 'withdraw-record'; readonly change: DnsChange }
  | { readonly kind: 'forget-artifacts'; readonly setup: string };

export type ForwardingStepKind = ForwardingStep['kind'];

/** The steps of a change, and the two points of no return in them (`JournalHeader`). */
export interface StepList {
  readonly steps: readonly ForwardingStep[];
  readonly finishFrom: number;
  readonly commit: number | undefined;
}
