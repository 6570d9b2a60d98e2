import { toIso } from '../core/clock.js';
import type { RecordedAddress, Revision } from '../core/revision.js';
import type { Replan, RunOptions } from '../transaction/forward.js';
import type { WithdrawnAddress } from './change.js';
import type { ChangeScope } from './change-scope.js';
import { renderConfig } from './render.js';
import { resolveRules } from './resolve.js';
import { makeRevision, type RevisionContent } from './revision-content.js';
import { storedRules } from './rules-edit.js';
import type { ForwardingStep } from './steps.js';
import { validateRules } from './validate.js';
import { wantsConnector } from './wants-connector.js';

/**
 * While a change waited for DNS, a withdrawal committed another revision: what the change was about to commit could
 * bring the withdrawn address back. So the rest of it is planned anew, on what is current now. The same where a killed
 * process had planned so and not come to writing the new revision.
 */
export function createReplan(scope: ChangeScope): NonNullable<RunOptions<ForwardingStep>['replan']> {
  return async ({ index, progress }) => {
    const step = progress.steps[index];
    if (step === undefined || step.kind === 'publish-record' || step.kind === 'withdraw-record') return undefined;
    const commit = progress.steps[progress.commit];
    if (commit?.kind !== 'commit-revision') return undefined;
    const { revisions } = scope.ports;
    const current = revisions.current();
    if (current?.revision === commit.revision) return undefined;
    const isOvertaken = (current?.revision ?? null) !== commit.base;
    const isForgotten = step.kind === 'write-revision' && !scope.contents.has(step.revision);
    if (!isOvertaken && !isForgotten) return undefined;

    const first = progress.steps.find((earlier) => earlier.kind === 'write-revision')?.revision ?? commit.revision;
    const wanted = scope.contents.get(first)?.revision ?? (await revisions.read(first));
    if (wanted === undefined || current === undefined) return undefined;
    const started = progress.header.steps.find((earlier) => earlier.kind === 'commit-revision')?.base ?? null;
    const base = started === null ? undefined : await revisions.read(started);
    const content = await planAnew(wanted, current, [...scope.withdrawn, ...lostAddresses(base ?? wanted, current)], scope);
    scope.contents.set(content.revision.revision, content);
    const abandoned = progress.steps.flatMap((earlier, at) => (at < index && earlier.kind === 'write-revision' ? [earlier.revision] : []));
    const isWanted = wantsConnector(content.revision, { joined: scope.ports.tunnel()?.joined ?? false });
    return withSteps(content, isWanted, current.revision, abandoned, index, progress.steps.slice(progress.commit + 1));
  };
}

async function planAnew(wanted: Revision, current: Revision, withdrawn: readonly WithdrawnAddress[], { ports }: ChangeScope): Promise<RevisionContent> {
  const stored = storedRules(wanted);
  const now = toIso(ports.clock.now());
  const validated = await validateRules(stored.rules, { zone: wanted.domain, outsideZone: 'set-aside', maxRules: Number.POSITIVE_INFINITY });
  const resolved = await resolveRules(validated, ports.addresses, { recorded: current.addresses, withdrawn, now });
  const rendered = await renderConfig(resolved, { tunnelId: wanted.tunnelId, credentialsFile: ports.credentialsFile(wanted.tunnelId) });
  const { tunnelId, reason, setup } = wanted;
  return { revision: makeRevision({ revision: ports.revisions.nextNumber(), createdAt: now, reason, setup, tunnelId, setAside: stored.setAside }, resolved, rendered), rendered };
}

/** What was recorded when the change began and is not any more: withdrawn meanwhile, by whatever process. */
function lostAddresses(base: Revision, current: Revision): readonly WithdrawnAddress[] {
  const isRecorded = (entry: RecordedAddress): boolean => current.addresses.some((other) => other.deviceId === entry.deviceId && other.address === entry.address);
  return base.addresses.filter((entry) => !isRecorded(entry));
}

function withSteps({ revision, rendered }: RevisionContent, isWanted: boolean, base: number, abandoned: readonly number[], from: number, after: readonly ForwardingStep[]): Replan<ForwardingStep> {
  const number = revision.revision;
  const steps: ForwardingStep[] = [
    { kind: 'write-revision', revision: number, configHash: rendered.hash, rules: revision.rules.length },
    ...(isWanted ? [{ kind: 'start-connector', revision: number, urgent: false } as const, { kind: 'verify-connector', revision: number, urgent: false } as const] : []),
    { kind: 'commit-revision', revision: number, base },
    ...(isWanted
      ? [{ kind: 'promote-connector', revision: number } as const, { kind: 'retire-connectors', revision: number, keep: [number] } as const]
      : [{ kind: 'retire-connectors', revision: number, keep: [], urgent: true } as const]),
    ...abandoned.map((other): ForwardingStep => ({ kind: 'drop-revision', revision: other })),
    ...after.filter(({ kind }) => kind !== 'promote-connector' && kind !== 'retire-connectors'),
  ];
  return { steps, commit: from + steps.findIndex(({ kind }) => kind === 'commit-revision') };
}
