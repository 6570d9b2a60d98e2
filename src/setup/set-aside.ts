import type { Warning } from '../core/dns.js';
import type { ForwardingRule } from '../core/rule.js';
import type { PublishOutcome } from './ports.js';

const SHOWN_NAMES = 10;

/** As a rule is named: with its path, where it has one. */
export const nameOf = ({ hostname, path }: ForwardingRule): string => hostname + (path ?? '');

/**
 * Who connects another zone unpublishes every rule of the one before: that is what was chosen, and it is said. Pure.
 * Of records that could not be removed, or are not ours to remove, the publishing has warned, by name.
 */
export function warnOfSetAside({ setAside, warnings }: Pick<PublishOutcome, 'setAside' | 'warnings'>, domain: string): readonly Warning[] {
  if (setAside.length === 0) return [];
  const names = setAside.map(nameOf);
  const more = names.length > SHOWN_NAMES ? ` and ${names.length - SHOWN_NAMES} more` : '';
  const list = names.slice(0, SHOWN_NAMES).join(', ') + more;
  const [is, these, they] = names.length === 1 ? ['is', 'this rule is', 'it'] : ['are', 'these rules are', 'they'];
  const hostnames = new Set(setAside.map(({ hostname }) => hostname));
  const stay = warnings.some(({ hostname }) => hostname !== undefined && hostnames.has(hostname));
  return [{
    code: 'RULE_OUTSIDE_ZONE',
    message: `${list} ${is} not in ${domain}: ${these} kept and not published any more, and DNS records of ours that ${they} had are removed${stay ? ', but for those of the other warnings' : ''}.`,
  }];
}
