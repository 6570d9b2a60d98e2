import type { Revision } from '../core/revision.js';
import type { RuleView } from '../core/status.js';
import type { DnsRecords } from './ports.js';

/** The rules of a revision as they are shown: the published ones in stored order, then those set aside. */
export function viewRules(revision: Revision | undefined, dns: Pick<DnsRecords, 'stateOf'>): readonly RuleView[] {
  if (revision === undefined) return [];
  const published = revision.rules.map(({ rule, status, resolvedIp }): RuleView => ({
    hostname: rule.hostname,
    path: rule.path ?? null,
    destination: rule.destination,
    status,
    resolvedIp: resolvedIp ?? null,
    dns: dns.stateOf(rule.hostname),
  }));
  const setAside = revision.setAside.map((rule): RuleView => ({
    hostname: rule.hostname,
    path: rule.path ?? null,
    destination: rule.destination,
    status: 'outside-zone',
    resolvedIp: null,
    dns: 'none',
  }));
  return [...published, ...setAside];
}
