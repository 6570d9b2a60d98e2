import { toIso } from '../core/clock.js';
import type { Revision } from '../core/revision.js';
import { executePlan, type ApplyRun } from './apply.js';
import type { ApplyPorts, ChangeOutcome, WithdrawnAddress } from './change.js';
import { planWithdrawal } from './plan.js';
import { renderConfig } from './render.js';
import { resolveRules } from './resolve.js';
import { makeRevision, type RevisionContent } from './revision-content.js';
import { storedRules } from './rules-edit.js';
import { recordedResolver, servesAddress } from './stored-ingress.js';
import { validateRules } from './validate.js';
import { viewRules } from './views.js';

/**
 * Takes addresses out of what is served, at once: a change of the config alone, made of what is recorded, so that
 * nobody has to be asked and nothing is waited for. The devices answer 503 until a refresh finds where they are now.
 */
export async function applyWithdrawal(withdrawn: readonly WithdrawnAddress[], reason: string, run: ApplyRun): Promise<ChangeOutcome> {
  const { ports } = run;
  const current = ports.revisions.current();
  const change = ports.createChangeId();
  if (current === undefined) return nothingToDo(current, ports);
  const running = ports.connectors.current();
  const stale = await findStale([...new Set(running.map((handle) => handle.revision))], withdrawn, ports);
  const desired = await withoutAddresses(current, withdrawn, reason, ports);
  const joined = ports.tunnel()?.joined ?? false;
  const plan = planWithdrawal({ current, desired, joined, running, stale, mode: ports.chooseReplaceMode().mode });
  if (plan.kind === 'unchanged') return nothingToDo(current, ports);
  return executePlan(plan, { desired, current, warnings: [] }, change, { reason }, run);
}

function nothingToDo(current: Revision | undefined, { dns }: ApplyPorts): ChangeOutcome {
  return { outcome: 'unchanged', change: null, revision: current?.revision ?? 0, rules: viewRules(current, dns), warnings: [], plan: null, durationMs: 0 };
}

async function withoutAddresses(current: Revision, withdrawn: readonly WithdrawnAddress[], reason: string, ports: ApplyPorts): Promise<RevisionContent> {
  const stored = storedRules(current);
  const now = toIso(ports.clock.now());
  const validated = await validateRules(stored.rules, { zone: current.domain, outsideZone: 'set-aside', maxRules: Number.POSITIVE_INFINITY });
  const resolved = await resolveRules(validated, recordedResolver(current), { recorded: current.addresses, withdrawn, now });
  const { tunnelId, setup } = current;
  const rendered = await renderConfig(resolved, { tunnelId, credentialsFile: ports.credentialsFile(tunnelId) });
  return { revision: makeRevision({ revision: ports.revisions.nextNumber(), createdAt: now, reason, setup, tunnelId, setAside: stored.setAside }, resolved, rendered), rendered };
}

async function findStale(revisions: readonly number[], withdrawn: readonly WithdrawnAddress[], ports: ApplyPorts): Promise<readonly number[]> {
  const found = await Promise.all(revisions.map((revision) => ports.revisions.read(revision)));
  // A connector whose revision nobody can read any more could serve anything.
  return revisions.filter((_, index) => {
    const revision = found[index];
    return revision === undefined || servesAddress(revision, withdrawn);
  });
}
