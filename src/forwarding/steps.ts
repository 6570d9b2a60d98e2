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
  | { readonly kind: 'start-connector'; readonly revision: number }
  /** `again`: after the DNS phase, which can last; one that ended meanwhile is started anew. */
  | { readonly kind: 'verify-connector'; readonly revision: number; readonly again: boolean }
  | { readonly kind: 'publish-record'; readonly change: DnsChange }
  /** `base` is the revision that it follows; null is none. Where another one is current, the change is planned anew. */
  | { readonly kind: 'commit-revision'; readonly revision: number; readonly base: number | null }
  | { readonly kind: 'promote-connector'; readonly revision: number }
  /** All connectors on these revisions, without mercy: an address that they serve is somebody else's. */
  | { readonly kind: 'kill-connectors'; readonly revisions: readonly number[] }
  /** All connectors but those on these revisions: SIGTERM, and they drain on. */
  | { readonly kind: 'retire-connectors'; readonly keep: readonly number[] }
  | { readonly kind: 'write-copies' }
  | { readonly kind: 'withdraw-record'; readonly change: DnsChange }
  | { readonly kind: 'forget-artifacts'; readonly setup: string };

export type ForwardingStepKind = ForwardingStep['kind'];
