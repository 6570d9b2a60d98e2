import { SupervisorError, type ErrorCode } from '../core/errors.js';
import type { ApplyPorts, ChangeOptions, ChangeOutcome, ChangeRequest } from './change.js';
import { validateAsked } from './prepare.js';
import { storedRules, type StoredRules } from './rules-edit.js';

/** Changes of rules that wait one behind the other: what they come to together is applied at once, with one connector. */

export type RuleChange = Extract<ChangeRequest, { readonly kind: 'edit' | 'replace' }>;

export interface GroupedChange {
  readonly request: RuleChange;
  readonly options: ChangeOptions;
  readonly resolve: (outcome: ChangeOutcome) => void;
  readonly reject: (error: unknown) => void;
}

export type ApplyOne = (request: ChangeRequest, options: ChangeOptions) => Promise<ChangeOutcome>;

/** Each asker gets an answer: the outcome of the whole, or what is wrong with their own change. Never rejects. */
export async function applyGroup(group: readonly GroupedChange[], apply: ApplyOne, ports: ApplyPorts): Promise<void> {
  const tunnel = ports.tunnel();
  const [first, ...others] = group;
  if (first === undefined) return;
  if (others.length === 0 || tunnel === undefined) return applyEach(group, apply);

  let rules = storedRules(ports.revisions.current());
  const accepted: GroupedChange[] = [];
  for (const change of group) {
    try {
      rules = await afterChange(change.request, rules, tunnel.domain, ports);
      accepted.push(change);
    } catch (error) {
      change.reject(error);
    }
  }
  if (accepted.length === 0) return;
  try {
    const outcome = await apply({ kind: 'edit', edit: () => rules }, first.options);
    const lastList = accepted.findLastIndex(({ request }) => request.kind === 'replace');
    accepted.forEach(({ resolve }, index) => resolve(index < lastList ? superseded(outcome) : outcome));
  } catch (error) {
    if (error instanceof SupervisorError && OF_ONE_RULE.has(error.code)) return applyEach(accepted, apply);
    for (const { reject } of accepted) reject(error);
  }
}

/**
 * What one of the rules may be the reason of, which must not keep the others from being published: a name that is taken,
 * or that Cloudflare refuses, or a rule that cloudflared does. Anything else would most likely stop each of them too.
 */
const OF_ONE_RULE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['DNS_CONFLICT', 'DNS_FAILED', 'CONFIG_REFUSED', 'CONNECTOR_MISMATCH']);

async function applyEach(group: readonly GroupedChange[], apply: ApplyOne): Promise<void> {
  for (const { request, options, resolve, reject } of group) await apply(request, options).then(resolve, reject);
}

async function afterChange(request: RuleChange, stored: StoredRules, zone: string, { fileExists }: ApplyPorts): Promise<StoredRules> {
  const { validated, setAside } = await validateAsked(request, stored, { zone, fileExists });
  return { rules: validated.rules.map(({ rule }) => rule), setAside };
}

const superseded = (outcome: ChangeOutcome): ChangeOutcome => ({
  ...outcome,
  warnings: [...outcome.warnings, { code: 'CHANGE_SUPERSEDED', message: 'A later change replaced all rules before this one was published; what the later one says is published' }],
});
