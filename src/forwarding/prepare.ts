import { toIso } from '../core/clock.js';
import type { DnsConflict, Warning } from '../core/dns.js';
import { SupervisorError, type Problem } from '../core/errors.js';
import type { Revision } from '../core/revision.js';
import type { ForwardingRule } from '../core/rule.js';
import type { TunnelIdentity } from '../core/tunnel.js';
import type { ApplyPorts, ChangeOptions, ChangeRequest, WithdrawnAddress } from './change.js';
import { warnOfDeepHostnames } from './certificate-reach.js';
import { planChange, type Plan } from './plan.js';
import { renderConfig } from './render.js';
import { resolveRules } from './resolve.js';
import { hostnamesOf, makeRevision, type RevisionContent } from './revision-content.js';
import { replaceRules, storedRules, type RulesEdit, type StoredRules } from './rules-edit.js';
import { validateRules, type ValidatedRules, type ValidateOptions } from './validate.js';

/** All of an apply that changes nothing: from the request to the plan. */

export interface Prepared {
  readonly plan: Plan;
  readonly desired: RevisionContent;
  readonly current: Revision | undefined;
  readonly warnings: readonly Warning[];
}

/** validate → resolve → render → plan. Rejects with what is wrong with the request, a conflict, or Cloudflare being away. */
export async function prepareChange(request: ChangeRequest, options: ChangeOptions, ports: ApplyPorts, withdrawn: readonly WithdrawnAddress[]): Promise<Prepared> {
  const current = ports.revisions.current();
  refuseStale(options, current);
  const tunnel = request.kind === 'publish' ? request.tunnel : ports.tunnel();
  if (tunnel === undefined) throw new SupervisorError('SETUP_REQUIRED', 'No domain is connected yet');

  const { validated, setAside, asked } = await validateRequest(request, current, tunnel, ports);
  const now = toIso(ports.clock.now());
  const resolved = await resolveRules(validated, ports.addresses, { recorded: current?.addresses ?? [], withdrawn, now });
  const rendered = await renderConfig(resolved, { tunnelId: tunnel.id, credentialsFile: ports.credentialsFile(tunnel.id) });
  const hostnames = [...new Set(resolved.rules.map(({ valid }) => valid.hostname))];
  const { id: tunnelId, zoneId, domain, joined } = tunnel;
  const dns = await ports.dns.plan({ hostnames, zoneId, domain, tunnelId, joined, takeover: options.takeover ?? false, ...(asked === undefined ? {} : { asked }) });
  if (dns.conflicts.length > 0) throw conflictError(dns.conflicts);

  const setup = request.kind === 'publish' ? request.setup : current?.setup;
  const facts = { revision: ports.revisions.nextNumber(), createdAt: now, reason: options.reason, setup, tunnelId, setAside };
  const desired = { revision: makeRevision(facts, resolved, rendered), rendered };
  const { mode, warning } = ports.chooseReplaceMode();
  const plan = planChange({ current, desired, joined, dns, running: ports.connectors.current(), mode, setup: request.kind === 'publish' ? setup : undefined });
  // Once: who publishes it is told, and not everybody who changes something later.
  const published = new Set(current === undefined ? [] : hostnamesOf(current));
  const deep = warnOfDeepHostnames(hostnames.filter((hostname) => !published.has(hostname)), domain);
  const isRestart = plan.kind === 'revision' && plan.steps.some((step) => step.kind === 'stop-connectors');
  return { plan, desired, current, warnings: [...resolved.warnings, ...deep, ...dns.warnings, ...(isRestart ? [warning ?? RESTARTED] : [])] };
}

const RESTARTED: Warning = { code: 'REPLACED_BY_RESTART', message: 'The connector was stopped before the new one was started, as chosen: requests in between were lost.' };

function refuseStale({ ifRevision }: ChangeOptions, current: Revision | undefined): void {
  const revision = current?.revision ?? 0;
  if (ifRevision !== undefined && ifRevision !== revision) {
    throw new SupervisorError('REVISION_CHANGED', `The change is based on revision ${ifRevision}, but ${revision} is current`);
  }
}

interface Validated {
  readonly validated: ValidatedRules;
  readonly setAside: readonly ForwardingRule[];
  /** Names that the request is about; absent: all. */
  readonly asked?: readonly string[];
}

/** The rules that the request leads to, from what is stored now. */
async function validateRequest(request: ChangeRequest, current: Revision | undefined, tunnel: TunnelIdentity, ports: ApplyPorts): Promise<Validated> {
  const stored = current === undefined && ports.inherited !== undefined ? await ports.inherited() : storedRules(current);
  const zone = tunnel.domain;
  if (request.kind === 'publish' && request.edit !== undefined) return validateBrought(request.edit, storedRules(current), { zone, fileExists: ports.fileExists });
  if (request.kind === 'edit' || request.kind === 'replace') return validateAsked(request, stored, { zone, fileExists: ports.fileExists });
  const { rules, setAside } = request.kind === 'rollback' ? storedRules(await findRevision(request.revision, current, ports)) : stored;
  // What was stored once is not refused for having been stored: the zone may have changed, a file may be gone.
  const validated = await validateRules([...rules, ...setAside], { zone, outsideZone: 'set-aside', maxRules: Number.POSITIVE_INFINITY });
  return { validated, setAside: validated.setAside };
}

/** What was brought has to be right in all; what was stored before may have got outside of the zone. */
async function validateBrought(edit: RulesEdit, stored: StoredRules, { zone, fileExists }: Required<Pick<ValidateOptions, 'zone' | 'fileExists'>>): Promise<Validated> {
  const edited = edit(stored);
  const known = [...stored.rules, ...stored.setAside];
  const validated = await validateRules([...edited.rules, ...edited.setAside], { zone, outsideZone: 'refuse', stored, setAside: known, fileExists });
  return { validated, setAside: validated.setAside };
}

/** What somebody asks for now, and so has to be right in all. */
export async function validateAsked(
  request: Extract<ChangeRequest, { readonly kind: 'edit' | 'replace' }>,
  stored: StoredRules,
  { zone, fileExists }: Pick<ValidateOptions, 'zone' | 'fileExists'>,
): Promise<Validated> {
  const asked: ValidateOptions = { zone, outsideZone: 'refuse', stored, ...(fileExists === undefined ? {} : { fileExists }) };
  if (request.kind === 'edit') {
    const edited = request.edit(stored);
    const validated = await validateRules(edited.rules, asked).catch((error: unknown) => {
      throw edited.focus === undefined ? error : aboutOneRule(error, edited.focus);
    });
    return { validated, setAside: edited.setAside, asked: edited.asked ?? validated.rules.flatMap(({ hostname }, index) => (index === edited.focus ? [hostname] : [])) };
  }
  const edited = replaceRules(request.rules, { keepSetAside: request.keepSetAside ?? false })(stored);
  const validated = await validateRules(edited.rules, { ...asked, setAside: stored.setAside });
  return { validated, setAside: [...validated.setAside, ...edited.setAside] };
}

async function findRevision(asked: number | undefined, current: Revision | undefined, ports: ApplyPorts): Promise<Revision> {
  if (asked !== undefined) {
    const found = await ports.revisions.read(asked);
    if (found === undefined || found.revision > (current?.revision ?? 0)) throw new SupervisorError('REVISION_UNKNOWN', `There is no revision ${asked}`);
    return found;
  }
  const earlier = (await ports.revisions.list()).filter(({ revision }) => revision < (current?.revision ?? 0));
  const newest = earlier.toSorted((a, b) => b.revision - a.revision)[0];
  if (newest === undefined) throw new SupervisorError('REVISION_UNKNOWN', 'There is no revision before the current one');
  return newest;
}

/** Whoever sent one rule counts from 0 in what they sent, not in what is stored. */
function aboutOneRule(error: unknown, focus: number): unknown {
  if (!(error instanceof SupervisorError) || error.problems.some((problem) => problem.rule !== focus)) return error;
  const [first] = error.problems;
  return new SupervisorError(error.code, first?.message ?? error.message, { problems: error.problems.map((problem) => ({ ...problem, rule: 0 })), cause: error });
}

function conflictError(conflicts: readonly DnsConflict[]): SupervisorError {
  const problems = conflicts.map(({ hostname, record }): Problem => ({
    field: 'hostname',
    code: 'DNS_CONFLICT',
    message: `${hostname} has a record that is not ours: ${record.type} ${record.content}`,
  }));
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return new SupervisorError('DNS_CONFLICT', `${problems[0]?.message ?? 'A record is not ours'}${more}`, { problems });
}
