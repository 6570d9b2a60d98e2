import type { ForwardingRule } from '../core/rule.js';

/** What a revision holds of the user's rules: the published ones, and those whose name is not in the zone. */
export interface StoredRules {
  readonly rules: readonly ForwardingRule[];
  readonly setAside: readonly ForwardingRule[];
}

/** What an edit gives: not validated yet. `focus` is the index of the one rule it is about, for its problems. */
export interface EditedRules {
  readonly rules: readonly unknown[];
  readonly setAside: readonly ForwardingRule[];
  readonly focus?: number;
}

/** Pure. Throws RULE_EXISTS or RULE_UNKNOWN. Called when its turn comes, with what is stored then; maybe more than once. */
export type RulesEdit = (stored: StoredRules) => EditedRules;
