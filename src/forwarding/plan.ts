import type { DnsPlan } from '../core/dns.js';
import type { Revision } from '../core/revision.js';
import type { ReplaceMode } from './change.js';
import type { ConnectorHandle } from './ports.js';
import { onlyRemoves, saysTheSame, type RevisionContent } from './revision-content.js';
import type { ForwardingStep, StepList } from './steps.js';
import { wantsConnector } from './wants-connector.js';

/** The fourth stage: what has to be done, as data. Pure. */

export interface PlanInput {
  /** The committed revision. */
  readonly current: Revision | undefined;
  readonly desired: RevisionContent;
  /** This machine joined the tunnel of the desired revision. */
  readonly joined: boolean;
  readonly dns: DnsPlan;
  readonly running: readonly ConnectorHandle[];
  readonly mode: ReplaceMode;
  /** A setup whose certificate and tunnel are put in place with it. */
  readonly setup: string | undefined;
}

export type Plan =
  | { readonly kind: 'unchanged' }
  /** Only DNS records: the revision stays. */
  | ({ readonly kind: 'records' } & StepList)
  | ({ readonly kind: 'revision'; readonly content: RevisionContent } & StepList);

export function planChange(input: PlanInput): Plan {
  const { current, desired, dns, setup } = input;
  const isNewSetup = setup !== undefined && current?.setup !== setup;
  if (current !== undefined && !isNewSetup && saysTheSame(current, desired.revision)) return planRecords(dns);

  const { revision } = desired.revision;
  const wanted = wantsConnector(desired.revision, input);
  const isOther = isNewSetup || input.running.length === 0 || current?.configHash !== desired.revision.configHash || current.tunnelId !== desired.revision.tunnelId;
  const needsConnector = wanted && isOther;
  const replacement = needsConnector ? replaceConnector(input, revision, isNewSetup) : [];
  const before: ForwardingStep[] = [
    { kind: 'write-revision', revision, configHash: desired.rendered.hash, rules: desired.revision.rules.length },
    ...(replacement.length === 0 ? installArtifacts(input, isNewSetup) : replacement),
  ];
  const publish = dns.publish.map((change): ForwardingStep => ({ kind: 'publish-record', change }));
  // Publishing can take long: the connector has to be there still when it is over.
  if (needsConnector && publish.length > 0) publish.push({ kind: 'verify-connector', revision, urgent: false });
  const after: ForwardingStep[] = [
    ...(needsConnector ? [{ kind: 'promote-connector', revision } as const, { kind: 'retire-connectors', revision, keep: [revision] } as const] : []),
    ...(wanted ? [] : retireAll(input, revision)),
    { kind: 'write-copies' },
    ...dns.withdraw.map((change): ForwardingStep => ({ kind: 'withdraw-record', change })),
    ...(isNewSetup ? [{ kind: 'forget-artifacts', setup } as const] : []),
  ];
  return {
    kind: 'revision',
    content: desired,
    steps: [...before, ...publish, { kind: 'commit-revision', revision, base: current?.revision ?? null }, ...after],
    finishFrom: before.length,
    commit: before.length + publish.length,
  };
}

function planRecords(dns: DnsPlan): Plan {
  const steps: ForwardingStep[] = [
    ...dns.publish.map((change): ForwardingStep => ({ kind: 'publish-record', change })),
    ...dns.withdraw.map((change): ForwardingStep => ({ kind: 'withdraw-record', change })),
  ];
  return steps.length === 0 ? { kind: 'unchanged' } : { kind: 'records', steps, finishFrom: 0, commit: undefined };
}

/** Overlap: the new one is proven while the old one serves. Restart: what was stopped last is put back first on a failure. */
function replaceConnector(input: PlanInput, revision: number, isNewSetup: boolean): readonly ForwardingStep[] {
  const start: ForwardingStep[] = [
    { kind: 'start-connector', revision, urgent: false },
    { kind: 'verify-connector', revision, urgent: false, ...(onlyRemoves(input.current, input.desired.revision) ? { removal: true } : {}) },
  ];
  const stop: ForwardingStep[] = input.mode === 'restart' && input.running.length > 0 ? [{ kind: 'stop-connectors' }] : [];
  return [...stop, ...installArtifacts(input, isNewSetup), ...start];
}

/** Nothing follows them: they drain, and what they served others serve. */
function retireAll({ running }: PlanInput, revision: number): readonly ForwardingStep[] {
  return running.length === 0 ? [] : [{ kind: 'retire-connectors', revision, keep: [], urgent: true }];
}

function installArtifacts({ setup, desired }: PlanInput, isNewSetup: boolean): readonly ForwardingStep[] {
  return isNewSetup && setup !== undefined ? [{ kind: 'install-artifacts', setup, tunnelId: desired.revision.tunnelId }] : [];
}

export interface WithdrawalInput {
  readonly current: Revision;
  readonly desired: RevisionContent;
  /** This machine joined the tunnel. */
  readonly joined: boolean;
  readonly running: readonly ConnectorHandle[];
  /** Revisions, of those that run, whose config serves an address that has to go. */
  readonly stale: readonly number[];
  readonly mode: ReplaceMode;
}

/**
 * An address is somebody else's. The revision without it is committed first: from then on nothing brings the address
 * back, whatever fails. The new connector gets a few seconds before those that serve the address are killed; those of a
 * change that waits for DNS and do not serve it are left alone.
 */
export function planWithdrawal({ current, desired, joined, running, stale, mode }: WithdrawalInput): Plan {
  if (stale.length === 0 && saysTheSame(current, desired.revision)) return { kind: 'unchanged' };
  const { revision } = desired.revision;
  const isOther = desired.revision.configHash !== current.configHash;
  const needsConnector = isOther && wantsConnector(desired.revision, { joined });
  const others = running.map((handle) => handle.revision).filter((other) => other !== current.revision && !stale.includes(other));
  const keep = [revision, ...(isOther ? [] : [current.revision]), ...others];
  const start: ForwardingStep[] = needsConnector
    ? [
        { kind: 'start-connector', revision, urgent: true },
        { kind: 'verify-connector', revision, urgent: true },
        { kind: 'promote-connector', revision },
      ]
    : [];
  const end: ForwardingStep[] = [
    ...(stale.length === 0 ? [] : [{ kind: 'kill-connectors', revisions: stale } as const]),
    ...(isOther ? [{ kind: 'retire-connectors', revision, keep, urgent: true } as const] : []),
  ];
  return {
    kind: 'revision',
    content: desired,
    steps: [
      { kind: 'write-revision', revision, configHash: desired.rendered.hash, rules: desired.revision.rules.length },
      { kind: 'commit-revision', revision, base: current.revision },
      ...(mode === 'restart' ? [...end, ...start] : [...start, ...end]),
      { kind: 'write-copies' },
    ],
    finishFrom: 1,
    commit: 1,
  };
}
